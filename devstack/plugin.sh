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

# A plugin of DevStack; README.rst says how to use it. DevStack sources this
# file in each phase: $1 is stack, unstack or clean, and $2 the phase of
# stack. It calls configure_cinder_backend_lightos for each backend
# "lightos:NAME" of CINDER_ENABLED_BACKENDS.

LIGHTOS_CINDER_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

function install_lightos {
    setup_develop "$LIGHTOS_CINDER_DIR"
    if [[ -n "$LIGHTOS_DISCOVERY_CLIENT" ]]; then
        install_package nvme-cli "$LIGHTOS_DISCOVERY_CLIENT"
        sudo modprobe nvme-tcp
        sudo systemctl enable --now discovery-client
    fi
}

function configure_cinder_backend_lightos {
    local name=$1
    local option

    if [[ -z "$LIGHTOS_API_ADDRESS" ]]; then
        die $LINENO "LIGHTOS_API_ADDRESS is not set in local.conf"
    fi
    if [[ -z "$LIGHTOS_JWT$LIGHTOS_JWT_DIR" ]]; then
        die $LINENO "Neither LIGHTOS_JWT nor LIGHTOS_JWT_DIR is set in local.conf"
    fi
    iniset "$CINDER_CONF" "$name" volume_driver lightos_cinder.driver.LightOSVolumeDriver
    iniset "$CINDER_CONF" "$name" volume_backend_name "$name"
    iniset "$CINDER_CONF" "$name" lightos_api_address "$LIGHTOS_API_ADDRESS"
    # An empty value is none to the driver, but refused where it would be
    # taken for no check at all.
    if [[ -n "$LIGHTOS_JWT" ]]; then
        iniset "$CINDER_CONF" "$name" lightos_jwt "$LIGHTOS_JWT"
    fi
    if [[ -n "$LIGHTOS_JWT_DIR" ]]; then
        iniset "$CINDER_CONF" "$name" lightos_jwt_dir "$LIGHTOS_JWT_DIR"
    fi
    if [[ -n "$LIGHTOS_TLS_FINGERPRINTS" ]]; then
        iniset "$CINDER_CONF" "$name" lightos_tls_fingerprints "$LIGHTOS_TLS_FINGERPRINTS"
    fi
    if [[ -n "$LIGHTOS_IPACL_NETWORKS" ]]; then
        iniset "$CINDER_CONF" "$name" lightos_ipacl_networks "$LIGHTOS_IPACL_NETWORKS"
    fi
    for option in $LIGHTOS_EXTRA_OPTIONS; do
        iniset "$CINDER_CONF" "$name" "${option%%=*}" "${option#*=}"
    done
}

if [[ "$1" == "stack" && "$2" == "install" ]]; then
    echo_summary "Installing lightos-cinder"
    install_lightos
elif [[ "$1" == "clean" ]]; then
    pip_uninstall lightos-cinder
fi
