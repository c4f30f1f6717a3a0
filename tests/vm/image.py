"""The guest's system: Debian bookworm with its generic kernel, made by mmdebstrap without a mount, loop or boot.

Works as root and as any user who may make user namespaces (mmdebstrap picks the mode): the image is made inside, by
`mke2fs -d`, and handed out through a descriptor that was opened outside. dockd and the packages that it needs are
installed here, by the guest's own Python but at the host's speed: the guest, without KVM, takes minutes for it.
"""

import functools
import os
import subprocess
import tarfile
from pathlib import Path

from tests.vm import cache, wheels

PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mkfs.exfat": "exfatprogs",
    "mcopy": "mtools",
    "sfdisk": "fdisk",
}
"""Each program that the tests run on the host, and the Debian package that has it."""

_PIP = f"{wheels.VENV}/bin/pip --quiet --disable-pip-version-check install --no-index --no-compile"
_PIP += " --root-user-action ignore"

SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
SUITE = "bookworm"
SIZE = "2G"
GUEST = Path(__file__).parent / "guest"

_PACKAGES = "linux-image-amd64 tiny-initramfs systemd-sysv udev kmod e2fsprogs procps iproute2 python3 python3-venv"
# The cloud kernel has no USB at all. Of the generic one, what no dock of these tests has: most of it.
_DRIVERS_LEFT_OUT = (
    "ata cpufreq crypto edac firewire gpu hwmon iio infiniband input isdn md media message mfd misc mmc mtd net nvme "
    "parport pcmcia platform power scsi staging target thermal thunderbolt tty video watchdog comedi"
)
_MODULES_LEFT_OUT = (
    "arch/x86/kvm net/* sound "
    "fs/btrfs fs/ceph fs/xfs fs/nfs fs/nfsd fs/smb fs/f2fs fs/gfs2 fs/jfs fs/ocfs2 fs/reiserfs fs/ubifs fs/udf fs/afs"
)
_MODULES_KEPT = "drivers/scsi/sd_mod.ko drivers/scsi/sg.ko drivers/scsi/scsi_*.ko drivers/net/dummy.ko"
# Without KVM every unit and every generator of a boot takes its time; a dock needs none of these.
_UNITS_LEFT_OUT = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer e2scrub_reap.service "
    "systemd-timesyncd.service systemd-pstore.service systemd-logind.service getty.target serial-getty@ttyS0.service "
    "dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount "
    "sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-fsckd.socket "
    "systemd-initctl.socket modprobe@drm.service modprobe@fuse.service modprobe@efi_pstore.service "
    "systemd-random-seed.service systemd-update-utmp.service systemd-update-utmp-runlevel.service "
    "systemd-user-sessions.service systemd-ask-password-wall.path systemd-ask-password-console.path"
)
_GENERATORS_LEFT_OUT = (
    "bless-boot cryptsetup debug getty gpt-auto hibernate-resume integritysetup rc-local run system-update sysv "
    "veritysetup"
)
# Loads what the root disk needs, and mounts it: nothing else is done twice.
_INITRAMFS = "AUTO_MODULES=no\nMICROCODE=no\nINCLUDE_MODULES=virtio_pci,virtio_blk,ext4,crc32c_generic\n"

# A bind takes one filesystem only, and so not the /proc, /sys and /dev that mmdebstrap has mounted there.
_TO_IMAGE = f"""
set -e
trap 'umount "$1.bare"; rmdir "$1.bare"; rm -f "$1.ext4"' EXIT
mkdir "$1.bare"
mount --bind "$1" "$1.bare"
mke2fs -q -t ext4 -L root -E lazy_itable_init=0,lazy_journal_init=0 -d "$1.bare" "$1.ext4" {SIZE}
qemu-img convert -O qcow2 "$1.ext4" "$1/root.qcow2"
"""


@functools.cache
def image() -> Path:
    """Give the folder with `root.qcow2`, `vmlinuz` and `initrd`; built if it is not there.

    The same as long as the tests run, whatever is changed in the sources meanwhile.
    """
    recipe = [*cache.files("tests/vm/image.py", "tests/vm/guest"), *wheels.sources()]
    return cache.made("image", cache.stamp([wheels.wheelhouse().name], recipe), _build)


def _build(folder: Path) -> None:
    _pack_guest(folder / "guest.tar")
    wheel = wheels.build(folder)
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--architectures=amd64", "--format=null"]
    command += [f"--include={','.join(_PACKAGES.split())}", "--aptopt=APT::Install-Recommends false"]
    command += [f"--dpkgopt={option}" for option in _dpkg_options()]
    command += [f"--essential-hook={hook}" for hook in _before_the_kernel()]
    # Not the cache: a user namespace may not pass through somebody's home.
    surroundings = {"TMPDIR": "/var/tmp", **os.environ}
    with (folder / "root.qcow2").open("wb") as root:
        command += [f"--customize-hook={hook}" for hook in _afterwards(folder, wheel, root.fileno())]
        done = subprocess.run(
            [*command, SUITE, "-", *_sources()],
            env=surroundings,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            pass_fds=[root.fileno()],
        )
    if done.returncode:
        raise RuntimeError(f"mmdebstrap: exit code {done.returncode}\n{done.stderr[-4000:]}")
    (folder / "guest.tar").unlink()
    wheel.unlink()


def _sources() -> list[str]:
    """Give where this machine has its packages from, if it is of the guest's release; else mmdebstrap knows where."""
    return [str(SOURCES)] if SOURCES.exists() and SUITE in SOURCES.read_text() else []


def _pack_guest(archive: Path) -> None:
    """Pack the guest's own files, whoever owns them here: there they are root's, and no folder changes hands."""
    with tarfile.open(archive, "w") as packed:
        for path in cache.files("tests/vm/guest"):
            member = tarfile.TarInfo(str(path.relative_to(GUEST)))
            member.size = path.stat().st_size
            with path.open("rb") as content:
                packed.addfile(member, content)


def _dpkg_options() -> list[str]:
    modules = "/lib/modules/*/kernel"
    left_out = [f"{modules}/drivers/{name}/*" for name in _DRIVERS_LEFT_OUT.split()]
    left_out += [f"{modules}/{name}/*" for name in _MODULES_LEFT_OUT.split()]
    left_out += ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"]
    kept = [f"{modules}/{name}" for name in _MODULES_KEPT.split()] + ["/usr/share/doc/*/copyright"]
    # Nobody needs what a power cut would spoil here, and flushes take time.
    return [
        "force-unsafe-io",
        *(f"path-exclude={each}" for each in left_out),
        *(f"path-include={each}" for each in kept),
    ]


def _before_the_kernel() -> list[str]:
    conf = '"$1"/etc/tiny-initramfs'
    return [
        f"mkdir -p {conf} && printf '{_escaped(_INITRAMFS)}' >{conf}/tiny-initramfs.conf",
        "printf 'do_symlinks = no\\ndo_bootloader = no\\n' >\"$1\"/etc/kernel-img.conf",
    ]


def _afterwards(folder: Path, wheel: Path, root: int) -> list[str]:
    wheelhouse = wheels.wheelhouse()
    masked = [f"system/{unit}" for unit in _UNITS_LEFT_OUT.split()]
    masked += [f"system-generators/systemd-{name}-generator" for name in _GENERATORS_LEFT_OUT.split()]
    return [
        f'tar-in "{folder / "guest.tar"}" /',
        f'copy-in "{wheelhouse}" "{wheels.PINS}" "{wheel}" /root',
        f"""chroot "$1" sh -ec '{_install(wheelhouse.name, wheel.name)}'""",
        'mkdir -p "$1"/etc/systemd/system-generators',
        f'for name in {" ".join(masked)}; do ln -sf /dev/null "$1"/etc/systemd/$name; done',
        'mkdir -p "$1"/var/log/journal && : >"$1"/etc/machine-id',
        'rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/archives/*.deb',
        _TO_IMAGE,
        # mmdebstrap's own `download` takes ten seconds for as much. Of the shells, bash takes a number above 9.
        f'bash -c \'cat "$0"/root.qcow2 >&{root}\' "$1"',
        'cp "$1"/boot/vmlinuz-* "$1"/vmlinuz; cp "$1"/boot/initrd.img-* "$1"/initrd',
        *(f'download /{name} "{folder / name}"' for name in ("vmlinuz", "initrd")),
    ]


def _install(wheelhouse: str, wheel: str) -> str:
    """Install as docs/service.md says, from files alone."""
    source = f"--require-hashes --find-links /root/{wheelhouse} --requirement /root/{wheels.PINS.name}"
    packages = f"python3 -m venv {wheels.VENV}; {_PIP} {source}; {_PIP} --no-deps /root/{wheel}"
    # As pip would compile them, but on all processors.
    packages += f"; python3 -m compileall -q -j 0 {wheels.VENV}/lib"
    return f"{packages}; rm -r /root/{wheelhouse} /root/{wheels.PINS.name} /root/{wheel}"


def _escaped(text: str) -> str:
    return text.replace("\n", "\\n")
