//! The application reports the facts that the service's sender has recorded.

use super::{JSON, edge, options};
use crate::support::{origin, refused_url};
use serde_json::json;

/// A failure has its detail, and a response has its times.
#[tokio::test]
async fn outcomes_of_the_service_are_as_detailed_as_those_of_the_command_line() {
    let (edge, origin, refused) = (edge(options()).await, origin().await, refused_url().await);
    let batch = json!({"requests": [origin.url("/ok"), refused]});
    let (mut outcomes, _) = edge.post(JSON, batch.to_string()).await.outcomes().await;
    outcomes.sort_by_key(|outcome| outcome["id"].as_u64());
    let [answered, failed] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!(answered["last_attempt"]["remote"], origin.address().to_string(), "{answered}");
    assert!(answered["last_attempt"]["head_us"].is_u64(), "{answered}");
    let detail = failed["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("127.0.0.1") && detail.contains("refused"), "{failed}");
    assert_eq!((&failed["error"]["phase"], &failed["error"]["sent"]), (&json!("connect"), &json!("no")));
}
