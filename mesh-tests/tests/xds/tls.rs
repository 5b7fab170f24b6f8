//! Control planes that speak TLS, and want to know who calls.

use mesh_tests::{Ca, Dir, Identity, resources::service, until};
use mesh_xds::{
    bootstrap::{Server as XdsServer, TlsCreds},
    client::XdsError,
};

use super::*;

/// A control plane that shows a certificate, the authority that issued it, and files of that.
struct Secured {
    control_plane: ControlPlane,
    ca: Ca,
    dir: Dir,
    servers: Vec<Server>,
}

impl Secured {
    async fn start() -> Self {
        let servers = servers(["a", "b"]).await;
        let control_plane = ControlPlane::start(service("a", &[servers[0].address])).await;
        let (ca, dir) = (Ca::new(), Dir::new());
        control_plane.secure(Some(ca.issue(&["127.0.0.1"]).server(None)));
        dir.write("ca.pem", &ca.pem());
        Self {
            control_plane,
            ca,
            dir,
            servers,
        }
    }

    fn creds(&self) -> TlsCreds {
        TlsCreds::default().with_ca_certificate_file(self.dir.path().join("ca.pem"))
    }

    fn server(&self) -> XdsServer {
        XdsServer::new(self.control_plane.address.to_string().parse().unwrap())
            .with_tls(self.creds())
    }

    /// Shows `identity` to the control plane.
    fn shows(&self, identity: &Identity) -> XdsServer {
        self.dir.write("cert.pem", &identity.certificate);
        self.dir.write("key.pem", &identity.key);
        let file = |name| self.dir.path().join(name);
        let creds = self
            .creds()
            .with_identity(file("cert.pem"), file("key.pem"));
        self.server().with_tls(creds)
    }

    fn source(&self, server: XdsServer) -> XdsSource {
        let mut bootstrap = bootstrap(&self.control_plane);
        bootstrap.servers = vec![server];
        XdsSource::new(bootstrap)
            .with_target("a:80")
            .with_start_timeout(LONG)
    }

    async fn join(&self, server: XdsServer) -> (Mesh, Client, Xds) {
        let mesh = Mesh::new();
        let xds = self.source(server).start(&mesh).await.unwrap();
        let client = Client::new(&mesh);
        (mesh, client, xds)
    }

    /// What a source says that cannot start.
    async fn refused(&self, server: XdsServer) -> String {
        let mesh = Mesh::new();
        let source = self
            .source(server)
            .with_start_timeout(Duration::from_secs(1));
        let begin = tokio::time::Instant::now();
        let error = source.start(&mesh).await.unwrap_err();
        assert!(matches!(error, XdsError::Unreachable(_)), "{error:?}");
        assert!(begin.elapsed() < LONG);
        let error = error.to_string();
        assert!(error.starts_with("control plane unreachable: "), "{error}");
        assert_eq!(mesh.status().last_error.as_ref(), Some(&error));
        error
    }

    /// The connection is made again.
    async fn again(&mut self) {
        self.control_plane.kill().await;
        self.control_plane.revive().await;
    }
}

#[tokio::test]
async fn a65_tls_with_a_ca_file_and_a_certificate_of_its_own() {
    let secured = Secured::start().await;
    let (_mesh, client, _xds) = secured.join(secured.server()).await;
    assert_eq!(who(&client, "a").await, "a");
    // One that wants to know who calls.
    let config = secured.ca.issue(&["127.0.0.1"]).server(Some(&secured.ca));
    secured.control_plane.secure(Some(config));
    let me = secured.ca.issue(&["me"]);
    let (_mesh, client, xds) = secured.join(secured.shows(&me)).await;
    assert_eq!(who(&client, "a").await, "a");
    assert!(xds.status().await.servers[0].connected);
}

#[tokio::test]
async fn a65_what_is_wrong_with_a_certificate_is_a_named_error() {
    let secured = Secured::start().await;
    let (plane, ca) = (&secured.control_plane, &secured.ca);
    let expect = async |part: &str| {
        let error = secured.refused(secured.server()).await;
        assert!(error.contains(part), "{error} is not: {part}");
    };
    plane.secure(Some(Ca::new().issue(&["127.0.0.1"]).server(None)));
    expect("TLS: invalid peer certificate: UnknownIssuer").await;
    plane.secure(Some(ca.issue_until(&["127.0.0.1"], 2001).server(None)));
    expect("TLS: invalid peer certificate: certificate expired").await;
    plane.secure(Some(ca.issue(&["127.0.0.2"]).server(None)));
    expect("TLS: invalid peer certificate: certificate not valid for name \"127.0.0.1\"").await;
    plane.secure(None);
    expect("TLS: ").await;
    plane.secure(Some(ca.issue(&["127.0.0.1"]).server(Some(ca))));
    expect("CertificateRequired").await;
    // Our own side.
    plane.secure(Some(ca.issue(&["127.0.0.1"]).server(None)));
    secured.dir.write("ca.pem", "nothing");
    expect("ca.pem: holds no certificate").await;
    let missing = TlsCreds::default().with_ca_certificate_file("/nowhere/ca.pem");
    let error = secured.refused(secured.server().with_tls(missing)).await;
    assert!(error.contains("TLS: /nowhere/ca.pem: "), "{error}");
    // Plain text to a server that speaks TLS ends too.
    let plain = XdsServer::new(plane.address.to_string().parse().unwrap());
    secured.refused(plain).await;
}

#[tokio::test]
async fn a65_files_are_read_again_and_the_last_good_ones_stay() {
    let mut secured = Secured::start().await;
    let demand = |secured: &Secured, ca: &Ca| {
        let config = ca.issue(&["127.0.0.1"]).server(Some(ca));
        secured.control_plane.secure(Some(config));
    };
    demand(&secured, &secured.ca);
    let me = secured.ca.issue(&["me"]);
    let (mesh, client, _xds) = secured.join(secured.shows(&me)).await;
    let connected = || async { mesh.status().last_error.is_none() };

    // A rotation half done: the key is not the certificate's.
    secured.dir.write("key.pem", &secured.ca.issue(&["me"]).key);
    secured.again().await;
    let b = mesh_tests::resources::endpoints("a", &[secured.servers[1].address]);
    secured.control_plane.put([b]);
    eventually(|| async { who(&client, "a").await == "b" }).await;

    // Everything is new: authority, certificates, keys.
    let new = Ca::new();
    demand(&secured, &new);
    secured.again().await;
    until("the old authority is not enough", || {
        let error = mesh.status().last_error.unwrap_or_default();
        error.contains("UnknownIssuer")
    })
    .await;
    secured.dir.write("ca.pem", &new.pem());
    secured.shows(&new.issue(&["me"]));
    eventually(connected).await;
    assert_eq!(who(&client, "a").await, "b");
}

/// `{"exp":32503680000}`, which is the year 3000.
const TOKEN: &str = "x.eyJleHAiOjMyNTAzNjgwMDAwfQ.y";

#[tokio::test]
async fn a97_tokens_are_sent_over_tls_only_and_read_again() {
    let mut secured = Secured::start().await;
    let token = secured.dir.path().join("token");
    secured.dir.write("token", TOKEN);
    let server = || secured.server().with_jwt_token_file(&token);
    secured
        .control_plane
        .demand(Some(&format!("Bearer {TOKEN}")));
    let (mesh, client, _xds) = secured.join(server()).await;
    assert_eq!(who(&client, "a").await, "a");
    // Another is wanted: that is a named error until it is there.
    let other = TOKEN.replace("x.", "z.");
    secured
        .control_plane
        .demand(Some(&format!("Bearer {other}")));
    secured.again().await;
    until("the refusal", || {
        let error = mesh.status().last_error.unwrap_or_default();
        error.contains("Unauthenticated: who are you?")
    })
    .await;
    assert_eq!(who(&client, "a").await, "a");
    secured.dir.write("token", &other);
    until("the new token is sent", || {
        mesh.status().last_error.is_none()
    })
    .await;

    // Never in plain text.
    secured.control_plane.secure(None);
    secured.control_plane.demand(None);
    let shown = secured.control_plane.authorizations().len();
    let address = secured.control_plane.address.to_string();
    let plain = XdsServer::new(address.parse().unwrap()).with_jwt_token_file(&token);
    let (_mesh, client, _xds) = secured.join(plain).await;
    assert_eq!(who(&client, "a").await, "a");
    assert_eq!(secured.control_plane.authorizations()[shown..], [None]);
}

#[tokio::test]
async fn a97_a_token_that_cannot_be_used_is_a_named_error() {
    let secured = Secured::start().await;
    let token = secured.dir.path().join("token");
    for (text, expected) in [
        ("", "token: holds no JWT"),
        // {"exp":1}
        ("x.eyJleHAiOjF9.y", "token: its JWT has expired "),
    ] {
        secured.dir.write("token", text);
        let error = secured
            .refused(secured.server().with_jwt_token_file(&token))
            .await;
        assert!(error.contains(expected), "{error}");
    }
    assert!(secured.control_plane.authorizations().is_empty());
}

/// The system's authorities are those of `SSL_CERT_FILE`, where it is set: so this runs itself again,
/// with that.
#[tokio::test]
async fn a65_https_trusts_the_systems_authorities() {
    const NAME: &str = "tls::a65_https_trusts_the_systems_authorities";
    let secured = Secured::start().await;
    let https = format!("https://{}", secured.control_plane.address);
    let server = || XdsServer::new(https.parse().unwrap());
    let Some(dir) = std::env::var_os("MESH_TEST_SYSTEM_ROOTS") else {
        let error = secured.refused(server()).await;
        assert!(error.contains("TLS: "), "{error}");
        let identity = secured.ca.issue(&["127.0.0.1"]);
        secured.dir.write("cert.pem", &identity.certificate);
        secured.dir.write("key.pem", &identity.key);
        let child = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env("SSL_CERT_FILE", secured.dir.path().join("ca.pem"))
            .env("MESH_TEST_SYSTEM_ROOTS", secured.dir.path())
            .output();
        let output = mesh_tests::within(child).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}"
        );
        return;
    };
    let file = |name: &str| std::fs::read_to_string(std::path::Path::new(&dir).join(name)).unwrap();
    let identity = Identity {
        certificate: file("cert.pem"),
        key: file("key.pem"),
    };
    secured.control_plane.secure(Some(identity.server(None)));
    let (_mesh, client, _xds) = secured.join(server()).await;
    assert_eq!(who(&client, "a").await, "a");
}
