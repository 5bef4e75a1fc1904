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

"""What the defects are: the one place that says it."""

import dataclasses
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Defect:
    """One of them.

    :param text: what goes wrong
    :param reading: where it is to be seen in the driver inside Cinder, for
        one that no test shows there
    :param never: why it needs no test of ours
    """

    text: str
    reading: Optional[str] = None
    never: Optional[str] = None


DEFECTS = dict(enumerate((
    Defect('Any error of a look-up makes the deletion of a volume a success; '
           'it stays on the cluster.'),
    Defect('A snapshot that the cluster refuses to delete, as while its '
           'volume is busy, is told as deleted.'),
    Defect('A volume is told as extended before it is, and also if it never '
           'was.'),
    Defect('A host that does not say its name takes all other hosts out of '
           'the access list, forced or not.'),
    Defect('One of two attachments on a host ends, and the other loses its '
           'disk.'),
    Defect('A host takes addresses with it that another host has as well.'),
    Defect('Of more than 16 addresses it is left to chance which are '
           'admitted; attached hosts lose theirs.'),
    Defect('A host that could not be shown out counts as shown out.'),
    Defect('Whatever goes wrong while waiting for a deletion proves it.'),
    Defect('One bad reply while waiting ends a creation that succeeds, and '
           'nobody owns what came of it.'),
    Defect('A volume without a type cannot be created.'),
    Defect('A volume whose IP ACL is not told cannot be attached without IP '
           'ACLs.'),
    Defect('A reply of text, as of a proxy, crashes a detachment.'),
    Defect('A success in the last moment is a time-out; a time that is over '
           'crashes.',
           reading='update_volume_acl compares the time after the success, '
                   'and waits for what is left of it, even if that is '
                   'nothing'),
    Defect('A controller without a host NQN does not start, with a '
           'KeyError.'),
    Defect('Without lightos_api_address the service ends in a TypeError.'),
    Defect('A field that the cluster leaves out is a KeyError: the endpoint '
           'of a node that is not in service.'),
    Defect('ALLOW_ANY and entries are sent together, which are alternatives: '
           'volumes that were open to all cannot be attached.'),
    Defect('Without IP ACLs an attachment opens to any address what an '
           'administrator had narrowed.'),
    Defect('Access lists are written although nothing changes in them, which '
           'makes the volume busy.'),
    Defect('A host is told to connect before its addresses are admitted.'),
    Defect('A host must tell its addresses even if they do not matter.'),
    Defect('An endpoint that answers with errors is never left for '
           'another.'),
    Defect('A single endpoint that does not answer is asked without any '
           'pause.'),
    Defect('Each of several endpoints is asked once, however much time there '
           'is.'),
    Defect('A change whose reply is lost is sent again, and then refused as '
           'done.'),
    Defect('All threads share one position in the list of endpoints: some '
           'are skipped, or the search ends early.',
           reading='send_cmd moves an attribute of the connection, and '
                   'compares it with where it began, without a lock'),
    Defect('Each request makes a connection and a TLS handshake.'),
    Defect('What is refused for good is asked for again until the time is '
           'up.'),
    Defect('A look that fails is repeated without any pause.'),
    Defect('An expired token shows as volumes that are not found; a new one '
           'takes a restart.'),
    Defect('Names and projects go into paths as they are, and lead to other '
           'paths.'),
    Defect('Requests, with the token, go to whoever answers and wherever he '
           'points.'),
    Defect('Whatever has its name is taken for the volume that was to be '
           'created.'),
    Defect('A snapshot of that name counts as the one that was asked for, '
           'whatever volume it is of; and what could be tried again is '
           'not.'),
    Defect('Clones leave snapshots behind; an error while tidying hides the '
           'first one, and makes an orphan of a clone that is finished.'),
    Defect('The source of a volume is looked for in the project of the new '
           'one.'),
    Defect('A deletion under way is asked for again and again, and ends as '
           'an error.'),
    Defect('The cluster can roll a volume back and is not asked to; nothing '
           'that is there can be managed.'),
    Defect('Free capacity is told as infinite, and nothing else.'),
    Defect('Hosts are told of the nodes that were there when the service '
           'started.'),
    Defect('The service needs a token that may list the nodes.'),
    Defect('A number of replicas that cannot be goes to the cluster as it '
           'is.'),
    Defect('The help of lightos_api_port promises HTTP on other ports.'),
    Defect('A change of the QoS policy is tried once, at whatever moment.'),
    Defect('A deletion is sent without an ETag.',
           reading='as the API allows',
           never='A deletion means the object of that UUID, whatever it has '
                 'become since it was looked at: there is nothing that an '
                 'ETag could keep from being lost.'),
    Defect('A QoS policy counts by its UUID only, and a wrong one is not '
           'named in the error.'),
), 1))
