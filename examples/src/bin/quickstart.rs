//! The quick start of the README: a client that goes where Istio YAML says.

use mesh_core::Mesh;
use mesh_http::Client;
use mesh_xds::FileSource;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mesh = Mesh::new();
    FileSource::new("examples/quickstart").start(&mesh).await?; // Istio YAML, followed from now on
    let client = Client::new(&mesh);
    let reply = client.get("http://hello.local/").send().await?;
    println!("{}", reply.into_body().text().await?);
    Ok(())
}
