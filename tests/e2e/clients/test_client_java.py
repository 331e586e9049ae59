"""Java's HTTP clients over TLS against a server of the test's own, replayed offline."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_builds import Client, bring_base, copy_example, folder_of, prove_clients, recipe
from fake_internet import Page, fake_internet
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

BASE = "debian.local/maven:1"
HTTP_CLIENT = """
import java.net.URI;
import java.net.http.*;

class HttpClientGet {
    public static void main(String[] words) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(words[0])).build();
        var body = HttpResponse.BodyHandlers.ofString();
        System.out.print(HttpClient.newHttpClient().send(request, body).body());
    }
}
"""
URL_CONNECTION = """
class UrlGet {
    public static void main(String[] words) throws Exception {
        System.out.write(new java.net.URL(words[0]).openStream().readAllBytes());
        System.out.flush();
    }
}
"""
URLS = {
    "Java HttpClient": "https://a.example.org/f",
    "Java HttpURLConnection": "https://b.example.org/f",
}
PROGRAMS = {"Java HttpClient": "HttpClientGet", "Java HttpURLConnection": "UrlGet"}
CLIENTS = {
    name: Client(f"java /context/{PROGRAMS[name]}.java {url} > got", "java --version", "HTTPS")
    for name, url in URLS.items()
}


def test_java_needs_no_network_a_second_time(samebit: Samebit, tmp_path: Path) -> None:
    bring_base(samebit, tmp_path, "java-service", BASE)
    context = tmp_path / "context"
    context.mkdir()
    (context / "HttpClientGet.java").write_text(HTTP_CLIENT)
    (context / "UrlGet.java").write_text(URL_CONNECTION)
    (context / "samebit.toml").write_text(
        (copy_example("java-service", tmp_path / "example") / "samebit.toml").read_text()
    )
    (context / "Dockerfile").write_text(recipe(BASE, CLIENTS))
    with fake_internet(tmp_path / "internet") as internet:
        for name, url in URLS.items():
            internet.pages[url] = Page(f"for {name}\n".encode())
        online = Samebit(samebit.home, internet.environment)
        image = prove_clients(online, context, CLIENTS)
    for name in URLS:
        assert image.text(f"{folder_of(name)}/got") == f"for {name}\n"
