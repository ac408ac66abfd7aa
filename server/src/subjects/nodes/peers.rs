//! Before a node decides, it asks its peers whether one of them took over meanwhile.

use std::time::Duration;

use anaquel_engine::ids::Epoch;
use serde_json::Value;

use super::upstream;
use crate::config::NodesConfig;

/// How long a peer may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A peer that left the history that this node is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its address.
    pub url: String,
    /// The epoch in which it goes on.
    pub epoch: String,
}

/// The first of the nodes at `urls` that goes on from a history whose epochs are `own`, without it: it has its last epoch and
/// a later one, or it decides in an epoch that this history does not have. A node that cannot be reached is passed over.
pub async fn who_left(nodes: &NodesConfig, urls: &[String], own: &[Epoch]) -> Option<Left> {
    let own: Vec<String> = own.iter().map(Epoch::to_string).collect();
    for url in urls {
        let asked = async {
            let remote = upstream::node_at(nodes, url)?;
            let body = upstream::ask(&remote, "GET", "/v1/info", &Value::Null).await?;
            let body = body.map_err(|refusal| anyhow::anyhow!("{}: {}", refusal.status, refusal.detail))?;
            upstream::whole(&remote, body).await
        };
        let told = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => {
                tracing::warn!(url, error = format!("{error:#}"), "a peer does not say which history it is in");
                continue;
            }
            Err(_) => {
                tracing::warn!(url, "a peer does not answer");
                continue;
            }
        };
        let epochs = told.get("epochs").and_then(Value::as_array);
        let names: Vec<&str> =
            epochs.into_iter().flatten().filter_map(|era| era.get("epoch").and_then(Value::as_str)).collect();
        let last = names.last().filter(|last| own.iter().all(|own| own != *last));
        let decides = told.get("role").and_then(Value::as_str) == Some("primary");
        let has = |epoch: &String| names.contains(&epoch.as_str());
        if let Some(last) = last
            && (own.last().is_some_and(has) || decides && own.iter().any(has))
        {
            return Some(Left { url: url.clone(), epoch: (*last).to_owned() });
        }
    }
    None
}
