use std::{ffi::OsStr, fs, time::Duration};

use super::*;

const SERVER: &str =
    r#"{"server_uri": "127.0.0.1:18000", "channel_creds": [{"type": "insecure"}]}"#;

fn parse(text: &str) -> Result<Bootstrap, String> {
    text.parse().map_err(|e: BootstrapError| e.to_string())
}

/// A bootstrap of one server with `more` fields.
fn with(more: &str) -> Result<Bootstrap, String> {
    parse(&format!(r#"{{"xds_servers": [{SERVER}], {more}}}"#))
}

/// A bootstrap whose one server has these fields.
fn server(fields: &str) -> Result<Bootstrap, String> {
    parse(&format!(r#"{{"xds_servers": [{{{fields}}}]}}"#))
}

fn ignored(bootstrap: &Bootstrap) -> Vec<&str> {
    bootstrap.ignored().iter().map(|i| &*i.field).collect()
}

#[test]
fn a_bootstrap_as_istios_agent_writes_it() {
    let bootstrap = parse(
        r#"{
          "xds_servers": [{"server_uri": "unix:///./etc/istio/proxy/XDS",
                           "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
          "node": {"id": "sidecar~10.0.0.1~cart-1.prod~prod.svc.cluster.local",
                   "metadata": {"GENERATOR": "grpc", "INSTANCE_IPS": "10.0.0.1", "PID": 7},
                   "locality": {}, "UserAgentVersionType": null},
          "certificate_providers": {"default": {"plugin_name": "file_watcher", "config": {
              "certificate_file": "/var/lib/istio/data/cert-chain.pem",
              "private_key_file": "/var/lib/istio/data/key.pem",
              "ca_certificate_file": "/var/lib/istio/data/root-cert.pem", "refresh_interval": "900s"}}},
          "server_listener_resource_name_template": "xds.istio.io/grpc/lds/inbound/%s"
        }"#,
    )
    .unwrap();
    assert_eq!(
        bootstrap.servers[0].uri.address(),
        &ServerAddress::Unix("/./etc/istio/proxy/XDS".into())
    );
    assert_eq!(bootstrap.node.metadata["GENERATOR"], "grpc");
    assert_eq!(bootstrap.node.metadata["PID"], 7);
    assert_eq!(bootstrap.client_listener_template, "%s");
    let server = bootstrap.server_listener("[::1]:80".parse().unwrap());
    assert_eq!(server.unwrap(), "xds.istio.io/grpc/lds/inbound/[::1]:80");
    assert_eq!(
        bootstrap.certificate_providers["default"],
        CertificateProvider::FileWatcher {
            identity: Some((
                "/var/lib/istio/data/cert-chain.pem".into(),
                "/var/lib/istio/data/key.pem".into()
            )),
            ca_certificate_file: Some("/var/lib/istio/data/root-cert.pem".into()),
            refresh_interval: Duration::from_secs(900),
        }
    );
    assert!(bootstrap.ignored().is_empty(), "{:?}", bootstrap.ignored());
}

#[test]
fn unknown_fields_are_ignored_and_listed() {
    let bootstrap = parse(
        r#"{"xds_servers": [{"server_uri": "a:1", "weight": 3,
              "channel_creds": [{"type": "moonbeam", "config": {"phase": 1}},
                                {"type": "insecure", "config": {}}],
              "call_creds": [{"type": "stamp"}],
              "server_features": ["xds_v3", {"deep": true}, "fail_on_data_errors"]}],
            "node": {"id": "n", "user_agent_name": "me", "shoe": 46},
            "certificate_providers": {"spire": {"plugin_name": "spire"}},
            "colour": "green", "nothing": null}"#,
    )
    .unwrap();
    assert_eq!(
        ignored(&bootstrap),
        [
            "certificate_providers[\"spire\"]",
            "colour",
            "node.shoe",
            "node.user_agent_name",
            "xds_servers[0].call_creds[0]",
            "xds_servers[0].channel_creds[0]",
            "xds_servers[0].channel_creds[1].config",
            "xds_servers[0].server_features[1]",
            "xds_servers[0].weight",
        ]
    );
    assert!(bootstrap.servers[0].features.fail_on_data_errors);
}

#[test]
fn a65_tls_credentials_and_a97_tokens_over_them() {
    let bootstrap = server(
        r#""server_uri": "https://a", "channel_creds": [{"type": "alts"}, {"type": "tls", "config":
           {"ca_certificate_file": "ca", "certificate_file": "c", "private_key_file": "k",
            "refresh_interval": "30s", "colour": 1}}],
           "call_creds": [{"type": "jwt_token_file", "config": {"jwt_token_file": "t"}}]"#,
    )
    .unwrap();
    let mut creds = TlsCreds::default()
        .with_ca_certificate_file("ca")
        .with_identity("c", "k");
    creds.refresh_interval = Duration::from_secs(30);
    let mut expected = Server::new("https://a".parse().unwrap());
    assert_eq!(
        expected.channel_creds,
        ChannelCreds::Tls(TlsCreds::default())
    );
    expected = expected.with_tls(creds).with_jwt_token_file("t");
    assert_eq!(bootstrap.servers, [expected]);
    let ignored: Vec<_> = bootstrap.ignored().iter().map(|i| &*i.field).collect();
    assert_eq!(
        ignored,
        [
            "xds_servers[0].channel_creds[0]",
            "xds_servers[0].channel_creds[1].config.colour"
        ]
    );
    let google = server(r#""server_uri": "a:1", "channel_creds": [{"type": "google_default"}]"#);
    let google = google.unwrap();
    assert_eq!(google.servers[0].channel_creds, ChannelCreds::GoogleDefault);
    assert_eq!(
        google.ignored()[0].to_string(),
        "xds_servers[0].channel_creds[0]: Google's tokens are not made; its TLS is used"
    );
}

#[test]
fn mistakes_name_their_field() {
    for (result, expected) in [
        (parse("{"), "bootstrap: EOF while parsing"),
        (
            parse("[]"),
            "(top level): must be an object, and is an array",
        ),
        (parse("{}"), "xds_servers: is required"),
        (parse(r#"{"xds_servers": []}"#), "xds_servers: is empty"),
        (
            parse(r#"{"xds_servers": 3}"#),
            "xds_servers: must be an array, and is a number",
        ),
        (server(""), "xds_servers[0].server_uri: is required"),
        (
            server(r#""server_uri": "a:1""#),
            "xds_servers[0].channel_creds: is required",
        ),
        (
            server(
                r#""server_uri": "a:1", "channel_creds": [{"type": "alts"}, {"type": "magic"}]"#,
            ),
            "xds_servers[0].channel_creds: holds `alts`, `magic`; this build supports `insecure`, `tls` and `google_default`",
        ),
        (
            server(r#""server_uri": "https://a", "channel_creds": [{"type": "insecure"}]"#),
            "xds_servers[0].channel_creds: contradicts `https://a`",
        ),
        (
            server(r#""server_uri": "http://a", "channel_creds": [{"type": "tls"}]"#),
            "xds_servers[0].channel_creds: contradicts `http://a`",
        ),
        (
            server(
                r#""server_uri": "a:1", "channel_creds": [{"type": "tls",
                   "config": {"certificate_file": "c"}}]"#,
            ),
            "xds_servers[0].channel_creds[0].config: certificate_file and private_key_file need each other",
        ),
        (
            server(r#""server_uri": "a:1", "channel_creds": []"#),
            "xds_servers[0].channel_creds: is empty",
        ),
        (
            server(r#""server_uri": "a:b", "channel_creds": []"#),
            "xds_servers[0].server_uri: `a:b`: `b` is no port",
        ),
        (
            server(
                r#""server_uri": "a:1", "channel_creds": [{"type": "insecure"}],
                   "call_creds": [{"type": "jwt_token_file", "config": {}}]"#,
            ),
            "xds_servers[0].call_creds[0].config.jwt_token_file: is required",
        ),
        (
            with(r#""node": {"id": 7}"#),
            "node.id: must be a string, and is a number",
        ),
        (
            with(r#""node": {"metadata": []}"#),
            "node.metadata: must be an object, and is an array",
        ),
        (
            with(
                r#""authorities": {"x": {"client_listener_resource_name_template": "xdstp://y/%s"}}"#,
            ),
            "authorities[\"x\"].client_listener_resource_name_template: must start with `xdstp://x/`",
        ),
        (
            with(
                r#""certificate_providers": {"d": {"plugin_name": "file_watcher",
                     "config": {"certificate_file": "a"}}}"#,
            ),
            "certificate_providers[\"d\"].config: certificate_file and private_key_file need each other",
        ),
        (
            with(
                r#""certificate_providers": {"d": {"plugin_name": "file_watcher",
                     "config": {"ca_certificate_file": "a", "refresh_interval": "ten"}}}"#,
            ),
            "certificate_providers[\"d\"].config.refresh_interval: `ten` is no duration such as \"600s\"",
        ),
        (
            with(
                r#""certificate_providers": {"d": {"plugin_name": "file_watcher", "config": {}}}"#,
            ),
            "certificate_providers[\"d\"].config: names neither a certificate nor a CA",
        ),
    ] {
        let error = result.expect_err(expected);
        assert!(error.contains(expected), "{error}\nis not\n{expected}");
    }
}

#[test]
fn every_form_of_a_servers_address() {
    let tcp = |host: &str, port| {
        Ok(ServerAddress::Tcp {
            host: host.to_owned(),
            port,
        })
    };
    let unix = |path: &str| Ok(ServerAddress::Unix(path.into()));
    for (text, expected) in [
        ("127.0.0.1:18000", tcp("127.0.0.1", 18000)),
        (
            "istiod.istio-system.svc:15010",
            tcp("istiod.istio-system.svc", 15010),
        ),
        ("localhost", tcp("localhost", 443)),
        ("[::1]:80", tcp("::1", 80)),
        ("[::1]", tcp("::1", 443)),
        ("dns:a.com:1", tcp("a.com", 1)),
        ("dns:///a.com:1", tcp("a.com", 1)),
        ("dns:///a.com", tcp("a.com", 443)),
        ("passthrough:///a.com:1", tcp("a.com", 1)),
        ("ipv4:10.0.0.1:80", tcp("10.0.0.1", 80)),
        ("ipv6:[::1]:80", tcp("::1", 80)),
        ("http://a.com:1", tcp("a.com", 1)),
        ("http://a.com/", tcp("a.com", 80)),
        ("http://[::1]:9", tcp("::1", 9)),
        ("unix:xds.sock", unix("xds.sock")),
        ("unix:/run/xds", unix("/run/xds")),
        ("unix:///run/xds", unix("/run/xds")),
        ("unix:////run/xds", unix("//run/xds")),
        ("", Err(())),
        (":80", Err(())),
        ("a:0", Err(())),
        ("a:70000", Err(())),
        ("::1:80", Err(())),
        ("[::1", Err(())),
        ("[a]:1", Err(())),
        ("[::1]x", Err(())),
        ("a b:1", Err(())),
        ("dns://8.8.8.8/a.com", Err(())),
        ("dns://a.com:80", Err(())),
        ("ipv4:10.0.0.1:80,10.0.0.2:80", Err(())),
        ("https://a.com", tcp("a.com", 443)),
        ("https://a.com:15012", tcp("a.com", 15012)),
        ("https:a.com", Err(())),
        ("http://a.com/path", Err(())),
        ("http:a.com", Err(())),
        ("unix:", Err(())),
        ("unix://relative", Err(())),
        ("unix-abstract:x", Err(())),
        ("xds:///a", Err(())),
        ("ftp://a.com", Err(())),
    ] {
        let uri = text.parse::<ServerUri>();
        assert_eq!(
            uri.clone().map(|u| u.address().clone()).map_err(drop),
            expected,
            "{text}"
        );
        if let Ok(uri) = uri {
            assert_eq!(uri.to_string(), text);
        }
    }
    let authority = |text: &str| text.parse::<ServerUri>().unwrap().authority();
    assert_eq!(authority("[::1]:80"), "[::1]:80");
    assert_eq!(authority("dns:///a.com"), "a.com:443");
    assert_eq!(authority("unix:/x"), "localhost");
}

/// A27 and A47: which listener a target asks for.
#[test]
fn targets_and_their_listeners() {
    let bootstrap = with(
        r#""client_default_listener_resource_name_template":
             "xdstp://a/envoy.config.listener.v3.Listener/%s",
           "authorities": {"a": {}, "b": {"xds_servers": [],
             "client_listener_resource_name_template": "xdstp://b/L/%s?k=v"}}"#,
    )
    .unwrap();
    let listener = |target: &str| bootstrap.client_listener(target).map(|(name, _)| name);
    let in_a = "xdstp://a/envoy.config.listener.v3.Listener/";
    assert_eq!(listener("xds:///c:80").unwrap(), format!("{in_a}c:80"));
    assert_eq!(listener("xds:c:80").unwrap(), format!("{in_a}c:80"));
    assert_eq!(listener("c:80").unwrap(), format!("{in_a}c:80"));
    assert_eq!(
        listener("xds:///[::1]:8").unwrap(),
        format!("{in_a}%5B::1%5D:8")
    );
    assert_eq!(
        listener("xds://b/x/y z%").unwrap(),
        "xdstp://b/L/x/y%20z%25?k=v"
    );
    assert_eq!(bootstrap.client_listener("xds://b/x:1").unwrap().1, "x:1");
    assert_eq!(
        listener("xds://c/x").unwrap_err().to_string(),
        "the bootstrap has no authority `c`"
    );
    for bad in ["xds:///", "xds://b", "dns:///x", ""] {
        assert!(matches!(listener(bad), Err(TargetError::Form(_))), "{bad}");
    }
    // Without a template the name is taken as it is.
    let plain = with(r#""node": {}"#).unwrap();
    assert_eq!(
        plain.client_listener("xds:///[::1]:8").unwrap().0,
        "[::1]:8"
    );
    assert!(plain.server_listener("1.2.3.4:5".parse().unwrap()).is_err());
    // An authority without servers of its own has those of the bootstrap.
    assert_eq!(
        bootstrap.servers_of(Some("b")),
        Some(&bootstrap.servers[..])
    );
    assert_eq!(bootstrap.servers_of(Some("c")), None);
}

#[test]
fn the_file_wins_and_empty_variables_are_none() {
    let source = |file: &str, text: &str| {
        BootstrapSource::from_vars(Some(OsStr::new(file)), Some(OsStr::new(text)))
    };
    assert_eq!(source("f", "t"), Some(BootstrapSource::File("f".into())));
    assert_eq!(source("", "t"), Some(BootstrapSource::Text("t".into())));
    assert_eq!(source("", ""), None);
    assert_eq!(BootstrapSource::from_vars(None, None), None);
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("mesh-bootstrap-{}-{name}", std::process::id()))
}

#[tokio::test]
async fn a_late_file_is_waited_for_within_a_bound() {
    let path = temporary("late");
    let _ = fs::remove_file(&path);
    let source = BootstrapSource::File(path.clone());
    let missing = source.load(Duration::ZERO).await.unwrap_err();
    assert!(
        matches!(&missing, BootstrapError::File { path: p, .. } if *p == path),
        "{missing}"
    );

    let text = format!(r#"{{"xds_servers": [{SERVER}]}}"#);
    let load = tokio::spawn(async move { source.load(Duration::from_secs(60)).await });
    // Half of it first: a writer that does not rename.
    fs::write(&path, &text[..10]).unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    fs::write(&path, &text).unwrap();
    let bootstrap = load.await.unwrap().unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(bootstrap, text.parse().unwrap());
}

#[tokio::test]
async fn a_file_that_is_wrong_is_not_waited_for() {
    let path = temporary("wrong");
    fs::write(&path, "{}").unwrap();
    let source = BootstrapSource::File(path.clone());
    let loaded = tokio::time::timeout(
        Duration::from_secs(30),
        source.load(Duration::from_secs(3600)),
    );
    let error = loaded.await.unwrap().unwrap_err();
    fs::remove_file(&path).unwrap();
    assert_eq!(error.to_string(), "bootstrap: xds_servers: is required");
}

/// No text makes the reader panic, and what it accepts has a server.
#[test]
fn any_text_is_an_error_or_a_bootstrap() {
    bolero::check!().with_type().for_each(|text: &String| {
        if let Ok(bootstrap) = text.parse::<Bootstrap>() {
            assert!(!bootstrap.servers.is_empty());
        }
        let _ = text.parse::<ServerUri>();
    });
}
