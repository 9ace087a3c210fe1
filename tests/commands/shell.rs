//! Completions and manual pages.

use crate::support::run;

#[tokio::test]
async fn completions_for_every_shell_know_the_options_of_fetch() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell], b"").await;
        assert_eq!(output.code, 0, "{shell}: {}", output.stderr);
        assert!(output.stdout.contains("per-origin-floor") && output.stdout.contains("user-agent"), "{shell}");
    }
    let unknown = run(&["completions", "zhs"], b"").await;
    assert!(unknown.code == 2 && unknown.stderr.contains("powershell, zsh"), "{}", unknown.stderr);
}

#[tokio::test]
async fn each_command_has_a_manual_page_with_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("man1");
    let output = run(&["man", target.to_str().unwrap()], b"").await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    for (page, word) in
        [("fantail.1", "fantail\\-fetch(1)"), ("fantail-fetch.1", "resolve"), ("fantail-serve.1", "grace")]
    {
        let text = std::fs::read_to_string(target.join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS") && text.contains(word), "{page}: {text}");
    }
}
