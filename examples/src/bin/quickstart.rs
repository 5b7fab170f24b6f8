use mesh_core::Mesh;
use mesh_http::{BoxError, Client};
use mesh_xds::FileSource;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mesh = Mesh::new();
    FileSource::new("examples/quickstart").start(&mesh).await?; // Istio YAML, followed from now on
    let client = Client::new(&mesh);
    let reply = client.get("http://hello.local/").send().await?;
    println!("{}", reply.into_body().text().await?);
    Ok(())
}
