//! The four services, as any axum services would be: each calls the next through the mesh client
//! and knows it by name only.
//!
//! ```text
//! productpage ─┬─▶ details
//!              └─▶ reviews v1, v2, v3 ──▶ ratings      (v1 shows no ratings)
//! ```
//!
//! Every answer is a line of text that names who gave it, with the answers it is made of below it.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mesh_http::{Client, Context};

/// The user, as Istio's sample application names the header. Handed on by hand: it is the
/// application's, not the mesh's.
pub(crate) const END_USER: HeaderName = HeaderName::from_static("end-user");
/// Which version of reviews made the page.
pub(crate) const REVIEWS_VERSION: HeaderName = HeaderName::from_static("x-reviews-version");
/// What a page had to do without.
pub(crate) const MISSING: HeaderName = HeaderName::from_static("x-missing");

pub(crate) const PRODUCTPAGE: &str = "http://productpage:9080/productpage";
pub(crate) const DETAILS: &str = "http://details:9080/details/1";
pub(crate) const REVIEWS: &str = "http://reviews:9080/reviews/1";
pub(crate) const RATINGS: &str = "http://ratings:9080/ratings/1";

/// What each handler knows.
#[derive(Clone, Debug)]
struct App {
    name: String,
    version: &'static str,
    client: Client,
}

/// The application of one instance.
pub(crate) fn app(service: &str, version: &'static str, name: String, client: Client) -> Router {
    let router = match service {
        "productpage" => Router::new().route("/productpage", get(productpage)),
        "reviews" => Router::new().route("/reviews/{id}", get(reviews)),
        "details" => Router::new().route("/details/{id}", get(leaf)),
        _ => Router::new().route("/ratings/{id}", get(leaf)),
    };
    router.with_state(App {
        name,
        version,
        client,
    })
}

async fn productpage(State(app): State<App>, headers: HeaderMap) -> Response {
    let (details, reviews) = tokio::join!(
        fetch(&app.client, DETAILS, headers.get(END_USER)),
        fetch(&app.client, REVIEWS, headers.get(END_USER))
    );
    match (details, reviews) {
        (Ok((_, details)), Ok((found, reviews))) => {
            let mut page = app.answer(&[details, reviews]).into_response();
            for name in [REVIEWS_VERSION, MISSING] {
                if let Some(value) = found.get(&name) {
                    page.headers_mut().insert(name, value.clone());
                }
            }
            page
        }
        (Err(error), _) | (_, Err(error)) => (StatusCode::BAD_GATEWAY, error).into_response(),
    }
}

async fn reviews(State(app): State<App>, headers: HeaderMap) -> Response {
    let version = [(REVIEWS_VERSION, app.version)];
    if app.version == "v1" {
        return (version, app.answer(&[])).into_response();
    }
    match fetch(&app.client, RATINGS, headers.get(END_USER)).await {
        Ok((_, ratings)) => (version, app.answer(&[ratings])).into_response(),
        // Reviews without stars are better than none.
        Err(error) => (version, [(MISSING, "ratings")], app.answer(&[error])).into_response(),
    }
}

async fn leaf(State(app): State<App>) -> String {
    app.answer(&[])
}

impl App {
    /// This instance's line and, indented, those below it. Deadline and trace are shown as they
    /// arrived: they came along without a line of code here.
    fn answer(&self, below: &[String]) -> String {
        let mut text = self.name.clone();
        if let Some(context) = Context::current() {
            let now = tokio::time::Instant::now().into_std();
            if let Some(trace) = context.trace() {
                text += &format!(" trace={:032x}", trace.trace_id());
            }
            if let Some(left) = context.remaining(now) {
                text += &format!(" left={}ms", left.as_millis());
            }
        }
        for line in below.iter().flat_map(|text| text.lines()) {
            text += "\n  ";
            text += line;
        }
        text
    }
}

/// Calls a service: the answer's headers and text, or what went wrong.
pub(crate) async fn fetch(
    client: &Client,
    url: &str,
    user: Option<&HeaderValue>,
) -> Result<(HeaderMap, String), String> {
    let mut request = client.get(url);
    if let Some(user) = user {
        request = request.header(END_USER, user.clone());
    }
    let reply = request.send().await.map_err(|e| format!("{url}: {e}"))?;
    let (head, body) = reply.into_parts();
    let text = body.text().await.map_err(|e| format!("{url}: {e}"))?;
    match head.status {
        StatusCode::OK => Ok((head.headers, text)),
        status => Err(format!("{url}: {status} {text}")),
    }
}
