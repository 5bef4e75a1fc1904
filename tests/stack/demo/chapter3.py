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

import typing

from tests.stack.demo import cluster
from tests.stack.demo import tour as shared


def walk(tour: shared.Tour) -> None:
    """Set up the project for OpenStack on the cluster."""
    show = tour.show
    admin = tour.cluster_api(tour.lightos.admin_token)
    path = f'/projects/{shared.PROJECT}'

    show.chapter('3. Lightbits Project Setup')
    show.note('As administrator of the cluster at '
              f'{", ".join(tour.lightos.endpoints)}.')

    show.step('3.1 Create the project')
    answer = call(tour, admin, 'POST', '/projects', {
        'name': shared.PROJECT,
        'description': 'Project for Lightbits and OpenStack integration'})
    show.check('the cluster accepts it', answer.status, 200)
    answer = call(tour, admin, 'GET', '/projects')
    names = [project['name'] for project in answer.body['projects']]
    show.check('the project is there', shared.PROJECT in names, True)

    show.step('3.2.1 Create the RSA keys')
    tour.tenant = cluster.Tenant(shared.PROJECT)
    show.note('2048 bit, kept in memory; only the public key leaves it.')

    show.step('3.2.2 Create the credential')
    give_credential(tour, tour.tenant)
    answer = call(tour, admin, 'GET', f'{path}/credentials')
    show.check('the credentials of the project',
               [item['ID'] for item in answer.body['credentials']],
               [tour.tenant.credential])

    show.step('3.2.3 Create the JWT')
    claims = tour.tenant.claims()
    tour.jwt = tour.tenant.token(claims)
    tour.api = tour.cluster_api(tour.jwt)
    show.data('header', {'alg': 'RS256', **tour.tenant.header()})
    show.data('claims', claims)

    show.step('3.2.4 Verification of the JWT')
    answer = call(tour, tour.api, 'GET', f'{path}/volumes')
    show.check('the token lists the volumes of the project',
               (answer.status, answer.body.get('volumes', [])), (200, []))
    forged = cluster.Tenant(shared.PROJECT)
    answer = call(tour, tour.cluster_api(forged.token(claims)), 'GET',
                  f'{path}/volumes')
    show.check('the same claims signed with another key', answer.status, 401)
    answer = call(tour, tour.api, 'GET', '/projects/default/volumes')
    show.check('another project with this token', answer.status, 403)
    tour.lightos.clear_records()


def give_credential(tour: shared.Tour, tenant: cluster.Tenant) -> None:
    """Make a tenant's public key known to the cluster."""
    admin = tour.cluster_api(tour.lightos.admin_token)
    answer = call(tour, admin, 'POST',
                  f'/projects/{tenant.project}/credentials',
                  {'ID': tenant.credential, 'type': 'RS256PubKey',
                   'payload': tenant.payload()})
    tour.show.check('the cluster accepts the public key', answer.status, 200)


def call(tour: shared.Tour, api: cluster.Api, method: str, path: str,
         body: dict[str, typing.Any] | None = None) -> cluster.Answer:
    """Send a request to the cluster, and show it with its answer."""
    if body is None:
        tour.show.said(f'{method} /api/v2{path}')
    else:
        shown = {name: value if len(value) < 80 else f'{value[:12]}...'
                 for name, value in body.items()}
        tour.show.data(f'{method} /api/v2{path}', shown)
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
