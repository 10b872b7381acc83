//! `tresor webhook …`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// List webhooks and whether they take what they are told
    List,
    /// Make a webhook and print its key, or change and enable one
    ///
    /// Messages are signed with the key as the Standard Webhooks specification says. It is shown this once.
    ///
    ///   tresor webhook put chat https://hooks.example.com/tresor --event secret_request.created
    #[command(verbatim_doc_comment)]
    Put {
        /// Small letters, digits and dashes
        name: String,
        /// An https address that takes messages by POST
        address: String,
        /// secret_request.created, secret.due_soon, secret.overdue, secret.value_returned or rotation.failed; repeat for more
        #[arg(long = "event", value_name = "EVENT", required = true)]
        events: Vec<String>,
    },
    /// Send a webhook a message now; exit code 0 if it takes it
    Test {
        /// The webhook
        name: String,
    },
    /// Give a webhook another key and print it
    ///
    /// For a while messages are signed with the key before too, so that receivers can change over in between. It is shown this once.
    ///
    ///   tresor webhook rotate chat --overlap 7d
    #[command(verbatim_doc_comment)]
    Rotate {
        /// The webhook
        name: String,
        /// How long the key before stays in use: 90s, 10m, 24h or 7d, at most 30d; none if others may know it
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: String,
    },
    /// Delete a webhook, with what it was still to be told
    Delete {
        /// The webhook
        name: String,
    },
}
