//! What the service's sender has seen is told through the application too.

use super::{JSON, edge, options};
use crate::support::{origin, refused};
use serde_json::json;

/// L17: a failure has its words, and an answer says where its time went.
#[tokio::test]
async fn outcomes_of_the_service_say_as_much_as_those_of_the_command_line() {
    let (edge, origin, refused) = (edge(options()).await, origin().await, refused().await);
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
