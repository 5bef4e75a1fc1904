# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""Chapter 3, "Lightbits Project Setup": project, key, credential, JWT."""

import stat
import typing

import jwt

from tests.stack.demo import cluster
from tests.stack.demo import tour as shared
from tests.stack import settings

_ADMIN = 'lightos-admin.jwt'


def walk(tour: shared.Tour) -> None:
    """Set up the project for OpenStack on the cluster."""
    show = tour.show
    path = f'/projects/{shared.PROJECT}'

    show.chapter('3. Lightbits Project Setup')
    show.note('As administrator of the cluster at '
              f'{", ".join(tour.lightos.endpoints)}, whose token is in a '
              'file. Where the cluster is lightos-cinder reads in '
              'cinder.conf, which chapter 4 shows.')
    _prepare(tour)

    show.step('3.1, 3.2.1-3.2.3 Create the project, the RSA keys, the '
              'credential and the JWT')
    create(tour, shared.PROJECT)
    admin = tour.cluster_api(tour.lightos.admin_token)
    answer = call(tour, admin, 'GET', '/projects')
    names = [project['name'] for project in answer.body['projects']]
    show.check('the project is there', shared.PROJECT in names, True)
    answer = call(tour, admin, 'GET', f'{path}/credentials')
    token = tour.token(shared.PROJECT)
    header = jwt.get_unverified_header(token)
    show.check('the credentials of the project',
               [f'{shared.PROJECT}:{item["ID"]}'
                for item in answer.body['credentials']], [header['kid']])
    show.check('permissions of the token file', stat.filemode(
        (tour.tokens / f'{shared.PROJECT}.jwt').stat().st_mode),
        '-rw-------')
    claims = jwt.decode(token, options={'verify_signature': False})
    show.data('header', header)
    show.data('claims', claims)
    tour.lightos.clear_records()
    create(tour, shared.PROJECT)
    show.check('what it changed the second time', [
        request['path'] for request in tour.lightos.requests()
        if request['method'] != 'GET'], [])

    show.step('3.2.4 Verification of the JWT')
    tour.api = tour.cluster_api(token)
    answer = call(tour, tour.api, 'GET', f'{path}/volumes')
    show.check('the token lists the volumes of the project',
               (answer.status, answer.body.get('volumes', [])), (200, []))
    forged = tour.cluster_api(cluster.forged(claims, header['kid']))
    answer = call(tour, forged, 'GET', f'{path}/volumes')
    show.check('the same claims signed with another key', answer.status, 401)
    answer = call(tour, tour.api, 'GET', '/projects/default/volumes')
    show.check('another project with this token', answer.status, 403)
    tour.lightos.clear_records()


def _prepare(tour: shared.Tour) -> None:
    tour.tokens.mkdir(mode=0o700)
    file = tour.folder / _ADMIN
    file.touch(mode=0o600)
    file.write_text(tour.lightos.admin_token)
    settings.write(tour.folder / 'cinder.conf', {
        'DEFAULT': {'enabled_backends': shared.BACKEND},
        shared.BACKEND: tour.section()})


def create(tour: shared.Tour, project: str) -> None:
    """Have a project on the cluster, with a token in its file."""
    tour.operate(None, 'tenant', 'create', project, '--admin-token-file',
                 str(tour.folder / _ADMIN), '--lifetime', '30d')


def call(tour: shared.Tour, api: cluster.Api, method: str, path: str,
         body: dict[str, typing.Any] | None = None) -> cluster.Answer:
    """Send a request to the cluster, and show it with its answer."""
    if body is None:
        tour.show.said(f'{method} /api/v2{path}')
    else:
        tour.show.data(f'{method} /api/v2{path}', body)
    answer = api.call(method, path, body)
    tour.show.said(f'-> {answer.status} {_summary(answer)}')
    return answer


def _summary(answer: cluster.Answer) -> str:
    body = answer.body
    if 'message' in body:
        return body['message']
    lists = [f'{name}: ' + (', '.join(item.get('name') or item.get('ID', '')
                                      for item in items))
             for name, items in body.items() if isinstance(items, list)]
    return '; '.join(lists) or ', '.join(
        f'{name} {body[name]}' for name in ('name', 'ID', 'UUID')
        if name in body)
