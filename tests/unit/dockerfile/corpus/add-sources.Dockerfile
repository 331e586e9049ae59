FROM debian
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.org/a.tar.gz /src/
ADD --keep-git-dir=true https://git.example.org/app.git#v1 /app
ADD --unpack=false archive.tar /keep/
ADD archive.tar /unpacked/
