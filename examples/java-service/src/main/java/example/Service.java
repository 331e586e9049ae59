package example;

import com.eclipsesource.json.Json;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** An HTTP service: /healthz answers ok, everything else greets in JSON. */
public final class Service {
    private Service() {}

    public static void main(String[] arguments) throws IOException {
        Map<String, String> environment = System.getenv();
        String address = environment.getOrDefault("ADDRESS", "127.0.0.1");
        int port = Integer.parseInt(environment.getOrDefault("PORT", "8080"));
        HttpServer server = HttpServer.create(new InetSocketAddress(address, port), 0);
        server.createContext("/healthz", exchange -> answer(exchange, "text/plain", "ok\n"));
        server.createContext("/", exchange -> answer(exchange, "application/json", greeting(exchange.getRequestURI())));
        server.start();
    }

    static String greeting(URI uri) {
        String query = uri.getQuery();
        boolean named = query != null && query.startsWith("name=");
        String name = named ? query.substring("name=".length()) : "world";
        return Json.object().add("message", "hello, " + name) + "\n";
    }

    private static void answer(HttpExchange exchange, String type, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", type + "; charset=utf-8");
        exchange.sendResponseHeaders(200, body.length);
        try (exchange) {
            exchange.getResponseBody().write(body);
        }
    }
}
