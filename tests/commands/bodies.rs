//! The files of bodies.

use crate::support::{fetch, origin, program, run_command};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn file_of(line: &Value) -> &str {
    line["body_file"].as_str().unwrap()
}

#[tokio::test]
async fn names_are_made_from_a_template() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let url = origin.url("/bytes/3");
    let output = fetch(&["--output-dir", path, "--name", "{host}/{path}-{sha256}.{ext}", &url], b"").await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    // The hash of xxx.
    let hash = "cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860";
    assert_eq!(file_of(&output.lines()[0]), format!("{path}/127.0.0.1/bytes_3-{hash}.txt"));
    assert_eq!(std::fs::read(file_of(&output.lines()[0])).unwrap(), b"xxx");
    let output = fetch(&["--output-dir", path, "--name", "{name}", &url], b"").await;
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("{name} is not known: there are {id}, {host}"), "{}", output.stderr);
}

#[tokio::test]
async fn a_taken_name_gets_a_number_and_nothing_is_overwritten() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("127.0.0.1"), "mine").unwrap();
    let urls = [1, 2, 3, 2].map(|length| origin.url(&format!("/bytes/{length}")));
    let urls = urls.each_ref().map(String::as_str);
    let arguments = ["--output-dir", folder.path().to_str().unwrap(), "--name", "{host}", "-c", "1"];
    let output = fetch(&[arguments.as_slice(), &urls].concat(), b"").await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(std::fs::read(folder.path().join("127.0.0.1")).unwrap(), b"mine");
    for line in output.lines() {
        let length = line["url"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
        assert_eq!(std::fs::read(file_of(&line)).unwrap(), vec![b'x'; length]);
    }
    assert_eq!(names(folder.path()).len(), 4, "equal bodies of one name share a file: {:?}", names(folder.path()));
}

#[tokio::test]
async fn ids_from_outside_do_not_lead_out_of_the_folder() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let bodies = folder.path().join("a/b");
    let input: String = ["../../x", "/x", "..", ""]
        .map(|id| format!("{{\"id\":\"{id}\",\"url\":\"{}\"}}\n", origin.url("/ok")))
        .concat();
    let output = fetch(&["--input", "-", "--output-dir", bodies.to_str().unwrap()], input.as_bytes()).await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!((names(folder.path()), names(&folder.path().join("a"))), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert!(output.lines().iter().all(|line| Path::new(file_of(line)).parent() == Some(&bodies)), "{}", output.stdout);
}

#[tokio::test]
async fn permissions_are_those_of_the_umask() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    for (umask, expected) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        let bodies = folder.path().join(umask);
        let fetch = program(&[
            "fetch",
            "--allow-net",
            "127.0.0.0/8",
            "--output-dir",
            bodies.to_str().unwrap(),
            &origin.url("/ok"),
        ]);
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(fetch.as_std().get_program());
        shell.args(fetch.as_std().get_args()).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).kill_on_drop(true);
        shell
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let output = run_command(shell, b"").await;
        assert_eq!(output.code, 0, "{}", output.stderr);
        let mode = std::fs::metadata(bodies.join("0")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "umask {umask}");
    }
}

/// The number of bodies that are stored at once is the policy's: all of these have to be in flight together.
#[tokio::test]
async fn as_many_bodies_are_stored_at_once_as_the_policy_allows() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let drips = vec![origin.url("/drip/20"); 40];
    let urls: Vec<&str> = drips.iter().map(String::as_str).collect();
    let arguments =
        ["fetch", "--allow-net", "127.0.0.0/8", "--output-dir", folder.path().to_str().unwrap(), "-c", "40"];
    let mut child = program(&[arguments.as_slice(), &urls].concat()).spawn().unwrap();
    for _ in 0..600 {
        if origin.counts().in_flight == 40 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(origin.counts().in_flight, 40);
    child.kill().await.unwrap();
    assert_eq!(names(folder.path()), [""; 0], "nothing is left of bodies that were not complete");
}

#[tokio::test]
async fn each_body_may_be_on_disk_before_the_next_outcome() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let urls = vec![origin.url("/bytes/100000"); 5];
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let output =
        fetch(&[&["--sync", "--output-dir", folder.path().to_str().unwrap()], urls.as_slice()].concat(), b"").await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(names(folder.path()), ["0", "1", "2", "3", "4"]);
}
