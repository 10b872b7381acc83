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
        /// What it is told: secret_request.created; repeat for more
        #[arg(long = "event", value_name = "EVENT", required = true)]
        events: Vec<String>,
    },
    /// Send a webhook a message now; exit code 0 if it takes it
    Test {
        /// The webhook
        name: String,
    },
    /// Delete a webhook, with what it was still to be told
    Delete {
        /// The webhook
        name: String,
    },
}
