"""Small repositories of a deb, an rpm and a gem, made by the formats' own tools in a build."""

from __future__ import annotations

from pathlib import Path

from client_builds import BASE
from fake_internet import FakeInternet, Page
from samebit_command import Samebit
from step_builds import read_image

_SPEC = """\
Name: hello
Version: 1.0
Release: 1
Summary: Says hello
License: Apache-2.0
BuildArch: noarch
%description
Says hello.
%install
mkdir -p %{buildroot}/usr/share
echo from the rpm > %{buildroot}/usr/share/hello
%files
/usr/share/hello
"""
_GEMSPEC = """\
Gem::Specification.new do |s|
  s.name, s.version, s.summary, s.authors = "hello", "1.0", "Says hello", ["A"]
  s.files = ["lib/hello.rb"]
end
"""
_CONTROL = """\
Package: hello
Version: 1.0
Architecture: all
Maintainer: A <a@example.org>
Description: says hello
"""
_DEB = r"""
mkdir -p root/DEBIAN root/usr/share
cp /context/control root/DEBIAN/control
echo from the deb > root/usr/share/hello
dpkg-deb --root-owner-group --build root hello_1.0_all.deb
rm -r root
{ dpkg-deb --field hello_1.0_all.deb
  echo "Filename: ./hello_1.0_all.deb"
  echo "Size: $(stat -c %s hello_1.0_all.deb)"
  echo "SHA256: $(sha256sum hello_1.0_all.deb | cut -c1-64)"; } > Packages
printf 'Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n %s %s Packages\n' \
  "$(sha256sum Packages | cut -c1-64)" "$(stat -c %s Packages)" > Release
"""
_RPM = """
rpmbuild -bb --define '_rpmdir /repositories/rpm' /context/hello.spec
createrepo_c .
"""
_GEM = """
mkdir -p lib gems
echo 'module Hello; TEXT = "from the gem"; end' > lib/hello.rb
gem build --output gems/hello-1.0.gem /context/hello.gemspec
gem generate_index --directory .
rm -r lib
"""


def make_repositories(samebit: Samebit, folder: Path) -> dict[str, bytes]:
    """Make them; gives every file by its path, which begins with deb/, rpm/ or gem/."""
    context = folder / "repositories"
    context.mkdir()
    for name, text in (("hello.spec", _SPEC), ("hello.gemspec", _GEMSPEC), ("control", _CONTROL)):
        (context / name).write_text(text)
    lines = [f"FROM {BASE}", "COPY . /context"]
    for kind, script in (("deb", _DEB), ("rpm", _RPM), ("gem", _GEM)):
        (context / f"{kind}.sh").write_text(f"set -e{script}")
        lines += [f"WORKDIR /repositories/{kind}", f"RUN --network=none sh /context/{kind}.sh"]
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    # Whatever normalising did to one of them would not fit its index.
    (context / "samebit.toml").write_text('[normalise]\noff = ["*"]\n')
    layout = folder / "repositories.oci"
    image = read_image(layout, samebit.build(f"--output=oci:{layout}", context))
    prefix = "repositories/"
    return {
        path.removeprefix(prefix): image.layer[path].content
        for path in image.paths(prefix)
        if image.layer[path].kind == "file"
    }


def serve_files(internet: FakeInternet, url: str, files: dict[str, bytes], kind: str) -> None:
    """Serve those of a kind below a URL without a slash at its end."""
    for path, content in files.items():
        if path.startswith(f"{kind}/"):
            internet.pages[f"{url}/{path.removeprefix(f'{kind}/')}"] = Page(content)
