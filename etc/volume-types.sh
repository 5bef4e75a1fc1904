#!/bin/sh
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

# Gold, Silver and Bronze as private volume types of one OpenStack project:
#
#   volume-types.sh OPENSTACK_PROJECT LIGHTOS_PROJECT BACKEND_NAME
#
# Needs the openstack client and the credentials of an administrator.

set -eu
if [ $# -ne 3 ]; then
    echo "usage: $0 OPENSTACK_PROJECT LIGHTOS_PROJECT BACKEND_NAME" >&2
    exit 2
fi
openstack_project=$1
lightos_project=$2
backend_name=$3

tier() {
    name=$lightos_project-$1
    openstack volume type create --private \
        --property compression="<is> $3" \
        --property lightos:num_replicas="$2" \
        --property lightos:project_name="$lightos_project" \
        --property volume_backend_name="$backend_name" \
        "$name"
    openstack volume type set --project "$openstack_project" "$name"
}

tier Gold 3 True
tier Silver 2 True
tier Bronze 1 False
