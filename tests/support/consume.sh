#!/usr/bin/env bash
# consume.sh ROOT WORK CONSUMER: let a program of the Debian system in ROOT read the image that WORK
# holds (image.tar, an OCI archive; layout, the same; registry, the name of it in a registry) and
# print `sha256  ./path` for every file that it sees. Runs in mount and process namespaces of its
# own, so nothing that it starts or mounts stays. WORK is /consumer inside of ROOT.
set -euo pipefail

if [[ ${4:-} != inside ]]; then
    cd "$1"
    mount --make-rprivate /
    mount --bind "$1" "$1"
    cd "$1"
    mkdir -p dev proc sys run tmp consumer
    mount --rbind /dev dev
    mount --rbind /sys sys
    mount -t proc proc proc
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    mount --bind "$2" consumer
    mkdir -p run/consume
    cp "${BASH_SOURCE[0]}" run/consume/consume.sh
    # Engines refuse a root that a plain chroot made.
    mkdir -p run/old
    pivot_root . run/old
    cd /
    umount -l run/old
    exec env -i HOME=/root TMPDIR=/consumer PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash /run/consume/consume.sh / /consumer "$3" inside
fi

readonly state=/consumer/$3
mkdir -p "$state"
storage=(--root "$state/root" --runroot /run/consume/storage)
policy=/consumer/policy.json
printf '{"default":[{"type":"insecureAcceptAnything"}]}' >"$policy"
exec 3>&1 4>&2 >"$state/log" 2>&1
trap 'code=$?; ((code == 0)) || tail -n 20 "$state/log" >&4' EXIT

show() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2) >&3; }

wait_for() {
    local _
    for _ in {1..600}; do
        [[ -S $1 ]] && return
        sleep 0.1
    done
    return 1
}

containerd_with() {
    mkdir -p "$state/mounted"
    printf 'version = 2\nroot = "%s/c"\nstate = "/run/consume/c"\n[grpc]\naddress = "/run/consume/sock"\n' \
        "$state" >"$state/config.toml"
    printf 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n%s\n' "$(<"$state/config.toml")" \
        >"$state/config.toml"
    containerd --config "$state/config.toml" &
    wait_for /run/consume/sock
    ctr() { command ctr --address /run/consume/sock "$@"; }
    ctr image import --no-unpack /consumer/image.tar
    ctr image mount --snapshotter "$1" "$(ctr image ls -q | head -n 1)" "$state/mounted"
    show "$state/mounted"
    containerd --version >"$state/version"
}

start_dockerd() {
    printf '%s' "$1" >"$state/daemon.json"
    dockerd --config-file "$state/daemon.json" --data-root "$state/data" --exec-root /run/consume/d \
        --pidfile /run/consume/pid --host unix:///run/consume/docker.sock \
        --iptables=false --ip6tables=false --bridge=none &
    wait_for /run/consume/docker.sock
    docker() { command docker --host unix:///run/consume/docker.sock "$@"; }
}

dockerd_with() {
    start_dockerd "$1"
    "$2"
    mkdir "$state/tree"
    docker export "$(docker create --network none "$image" none)" | tar -x -C "$state/tree" --exclude=dev
    # What the daemon itself puts into every container.
    (cd "$state/tree" && rm -f .dockerenv etc/hosts etc/hostname etc/resolv.conf etc/mtab)
    show "$state/tree"
    docker version --format 'dockerd {{.Server.Version}}' >"$state/version"
}
docker_pull() { image=$(</consumer/registry) && docker pull "$image"; }
docker_load() { image=$(docker load --input /consumer/image.tar | tee /dev/stderr | sed -n 's/^Loaded image[^:]*: //p' | tail -n 1); }

buildah_with() {
    buildah() { command buildah "${storage[@]}" --storage-driver "$1" "${@:2}"; }
    local image container
    image=$(buildah "$1" pull --signature-policy "$policy" oci-archive:/consumer/image.tar | tail -n 1)
    container=$(buildah "$1" from --pull-never --signature-policy "$policy" "$image")
    show "$(buildah "$1" mount "$container")"
    command buildah --version >"$state/version"
}

podman_with() {
    podman() { command podman "${storage[@]}" --storage-driver "$1" "${@:2}"; }
    podman "$1" pull --signature-policy "$policy" --tls-verify=false "docker://$(</consumer/registry)"
    show "$(podman "$1" image mount "$(podman "$1" images --quiet --no-trunc)")"
    command podman --version >"$state/version"
}

case $3 in
    containerd-overlayfs) containerd_with overlayfs ;;
    containerd-native) containerd_with native ;;
    dockerd-overlay2) dockerd_with '{"storage-driver": "overlay2"}' docker_pull ;;
    dockerd-vfs) dockerd_with '{"storage-driver": "vfs"}' docker_pull ;;
    dockerd-containerd) dockerd_with '{"features": {"containerd-snapshotter": true}}' docker_load ;;
    docker-build)
        # Not a reader: builds /consumer/context on base.tar, and saves the image as built.tar.
        start_dockerd '{"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 20000, "Soft": 20000}}}'
        docker load --input /consumer/base.tar
        DOCKER_BUILDKIT=0 docker build --network host --build-arg BASE=localhost/base:1 -t built:1 /consumer/context
        docker save built:1 --output /consumer/built.tar
        ;;
    buildah-overlay) buildah_with overlay ;;
    buildah-vfs) buildah_with vfs ;;
    podman-overlay) podman_with overlay ;;
    skopeo)
        skopeo --policy "$policy" copy --dest-decompress oci-archive:/consumer/image.tar "dir:$state/dir"
        mkdir "$state/tree"
        for layer in "$state"/dir/*; do
            if tar -tf "$layer" >/dev/null 2>&1; then tar -x -C "$state/tree" -f "$layer"; fi
        done
        show "$state/tree"
        skopeo --version >"$state/version"
        ;;
    umoci)
        umoci raw unpack --image /consumer/layout:1 "$state/tree"
        show "$state/tree"
        umoci --version >"$state/version"
        ;;
    gzip)
        mkdir "$state/tree"
        gzip -dc /consumer/layer.gz | tar -x -C "$state/tree"
        show "$state/tree"
        gzip --version | head -n 1 >"$state/version"
        ;;
    busybox)
        mkdir "$state/tree"
        /consumer/busybox.static gunzip -c /consumer/layer.gz | tar -x -C "$state/tree"
        show "$state/tree"
        { /consumer/busybox.static || true; } 2>&1 | sed -n 1p >"$state/version"
        ;;
    *) exit 2 ;;
esac
