"""nginx as a reverse proxy."""

from deployed import Reading

CONF = """
events {}
http {
    client_max_body_size 8m;
    upstream api { server api:8000 max_fails=3; server api2:8000; keepalive 16; }
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    server {
        listen 443 ssl;
        server_name "api.example.com";
        location / {
            proxy_pass http://api;  # to the group
        }
        location /ws/ {
            proxy_pass http://api/ws/;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 1h;
            proxy_buffering off;
        }
        location = /metrics { deny all; proxy_pass http://api; }
        location ~ \\.(js|css)$ { root /srv; }
    }
}
"""


def test_a_location_has_what_it_inherits(reading: Reading) -> None:
    (proxy,) = reading({"deploy/nginx.conf": CONF}).proxies
    root, sockets, metrics = proxy.passing
    assert (root.pattern, root.passes_to, root.server.tls) == ("/", ("api:8000", "api2:8000"), True)
    assert (root.max_body_size, root.read_timeout, root.buffers) == (8 * 1024 * 1024, 60.0, True)
    assert {name: text.value for name, text in root.headers.items()} == {
        "host": "$host",
        "x-forwarded-for": "$proxy_add_x_forwarded_for",
    }
    assert root.headers["x-forwarded-for"].location.line == 6
    assert (sockets.read_timeout, sockets.buffers, sockets.http_version) == (3600.0, False, "1.1")
    assert (metrics.pattern, metrics.refuses, root.refuses) == ("= /metrics", True, False)


def test_headers_of_an_inner_level_replace_all_outer_ones(reading: Reading) -> None:
    (proxy,) = reading({"nginx.conf": CONF}).proxies
    root, sockets, _ = proxy.passing
    assert set(sockets.headers) == {"upgrade", "connection"}
    assert (root.upgrades_websockets, sockets.upgrades_websockets) == (False, True)


def test_a_directive_is_added_below_proxy_pass(reading: Reading) -> None:
    text = "server {\n  location / {\n    proxy_pass http://api:80; # here\n  }\n}\n"
    (location,) = reading({"nginx.conf": text}).proxy_locations
    edit = location.added("proxy_set_header Host $host;")
    assert edit is not None
    assert text[: edit.start] + edit.new + text[edit.start :] == (
        "server {\n  location / {\n    proxy_pass http://api:80; # here\n    proxy_set_header Host $host;\n  }\n}\n"
    )


def test_includes_of_the_project_are_put_in_place_and_missing_ones_are_known(reading: Reading) -> None:
    files = {
        "nginx/nginx.conf": "http {\n  include /etc/nginx/mime.types;\n  include /etc/nginx/conf.d/*.conf;\n}",
        "nginx/conf.d/api.conf": """
            server {
              location / {
                include proxy_params;
                proxy_pass http://api;
              }
            }
            """,
    }
    (incomplete,) = reading(files).proxies
    assert (incomplete.path, incomplete.complete) == ("nginx/nginx.conf", False)
    files["nginx/conf.d/proxy_params"] = "proxy_set_header Host $host;"
    (complete,) = reading(files).proxies
    assert complete.complete
    assert set(complete.passing[0].headers) == {"host"}
    assert complete.passing[0].path == "nginx/conf.d/api.conf"


def test_an_include_that_leads_back_to_itself_is_refused_with_one_note(reading: Reading) -> None:
    files = {
        "nginx.conf": "http {\n  include a.conf;\n  server { listen 80; }\n}",
        "a.conf": "include nginx.conf;\nserver_tokens off;",
    }
    deployment = reading(files)
    assert [p.path for p in deployment.proxies] == ["nginx.conf"]
    assert [u.message for u in deployment.unresolved] == ["nginx.conf includes itself, so the include is not followed"]


def test_a_proxy_is_what_stands_in_front(reading: Reading) -> None:
    alone = reading({"nginx.conf": CONF})
    assert [type(front).__name__ for front in alone.behind_proxy] == ["Proxy"]
    composed = reading({"compose.yaml": "services:\n  web:\n    image: nginx:1.27"})
    assert [type(front).__name__ for front in composed.behind_proxy] == ["Service"]


def test_a_variable_that_is_set_beside_it_is_followed(reading: Reading) -> None:
    text = 'server {\n  set $target "http://api:8000";\n  location / { proxy_pass $target; }\n}'
    (location,) = reading({"nginx.conf": text}).proxy_locations
    assert location.passes_to == ("api:8000",)


def test_every_level_tells_where_it_stands_and_what_it_lacks(reading: Reading) -> None:
    (proxy,) = reading({"deploy/nginx.conf": CONF}).proxies
    static = proxy.locations[-1]
    assert (static.pattern, static.passes_to, static.added("internal;")) == ("~ \\.(js|css)$", (), None)
    assert (proxy.location.line, proxy.servers[0].location.line, proxy.upstreams[0].location.line) == (1, 7, 4)
    assert proxy.upstreams[0].keepalive is not None
    assert proxy.upstreams[0].keepalive.value == "16"
    assert [location.connect_timeout for location in proxy.passing] == [60.0, 60.0, 60.0]


def test_a_file_without_server_is_no_proxy_and_one_that_is_broken_is_not_included(reading: Reading) -> None:
    files = {
        "nginx.conf": "http {\n  include conf.d/*.conf;\n  server { proxy_pass http://api; }\n}",
        "conf.d/broken.conf": "server { listen 80;",
        "conf.d/limits.conf": "limit_req_zone $a zone=b:1m rate=1r/s;\nmap $a $b { default 1; }",
    }
    found = reading(files)
    assert [(proxy.path, proxy.complete) for proxy in found.proxies] == [("nginx.conf", False)]
    assert [note.message.partition(" ")[0] for note in found.unresolved] == ["conf.d/broken.conf"]
    assert reading({"nginx.conf": "upstream api { server api:8000; }"}).proxies == ()
