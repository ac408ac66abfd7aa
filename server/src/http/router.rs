//! All routes, with the OpenAPI document and the middleware.

use axum::Router;
use axum::extract::Request;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::console::{guides, home, pages, problems};
use crate::http::document;
use crate::http::document::words::Words;
use crate::http::middleware::admission::Routes;
use crate::http::middleware::pipeline::Pipeline;
use crate::http::problem::{Problem, Slug};
use crate::subjects::SUBJECTS;
use crate::{files, stream};

/// All routes.
pub fn router(app: App) -> Router {
    let all = OpenApiRouter::with_openapi(document::ApiDoc::openapi());
    let (router, document) = SUBJECTS
        .iter()
        .fold(all, |all, subject| all.merge((subject.routes)()))
        .merge(stream::routes())
        .merge(files::routes::routes())
        .split_for_parts();
    let (routes, document) = (Routes::of(&document), document::complete(&document, &words()));
    router
        .merge(pages::routes())
        .merge(guides::routes())
        .merge(home::routes())
        .merge(problems::routes())
        .merge(utoipa_swagger_ui::SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", document))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(Pipeline::new(app.clone(), routes))
        .with_state(app)
}

async fn no_such_path(request: Request) -> Problem {
    Problem::new(Slug::NotFound, format!("there is nothing at {}; see /docs", request.uri().path()))
}

async fn no_such_method(request: Request) -> Problem {
    Problem::new(
        Slug::MethodNotAllowed,
        format!("{} does not support {}; see Allow", request.uri().path(), request.method()),
    )
}

/// The texts that the subjects add to the OpenAPI document.
fn words() -> Vec<&'static Words> {
    let of_subjects = SUBJECTS.iter().flat_map(|subject| subject.words).copied();
    of_subjects.chain([&stream::words::WORDS, &files::words::WORDS]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn examples_are_json_and_records_name_records_that_there_are() {
        let words = words();
        for Words { calls, examples, records, versioned, .. } in &words {
            for path in *versioned {
                assert!(calls.iter().any(|(known, ..)| *known == format!("GET {path}")), "{path}");
            }
            for (call, body) in *examples {
                assert!(serde_json::from_str::<Value>(body).is_ok(), "{call}: {body}");
                assert!(calls.iter().any(|(known, ..)| known == call), "{call}");
            }
            assert!(!calls.is_empty() || records.is_empty());
        }
        let refers = serde_json::to_string(&document::schemas(&words)).unwrap();
        for reference in refers.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            let is_known = words.iter().flat_map(|words| words.records).any(|(known, ..)| *known == name);
            assert!(name.ends_with("View") || is_known, "{name}");
        }
    }
}
