//! `tresor provider …`.

use clap::Subcommand;

use super::InEnvironment;

#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// List providers, or those that match
    List {
        /// An id, a part of a name, a category or a secret's name
        query: Option<String>,
    },
    /// Show a provider's secrets: names, formats, hosts, where to get one and how to rotate it
    Get {
        /// Its id, as `provider list` shows it
        id: String,
    },
    /// Tell what a value may be; it comes from stdin or a hidden prompt and is neither stored nor logged
    ///
    ///   tresor provider suggest < key.txt
    #[command(verbatim_doc_comment)]
    Suggest {
        /// Catches a value on the command line, to say why it is refused
        #[arg(hide = true, value_name = "VALUE")]
        extra: Vec<String>,
    },
    /// Ask a provider whether a value works, before it is stored; it comes from stdin or a hidden prompt
    ///
    /// The server sends it to the provider's own host, in a request that changes nothing. It is neither stored nor logged.
    Check {
        /// The provider's id, as `provider list` shows it
        id: String,
        /// The name it would be stored under, where the provider has several credentials
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        place: InEnvironment,
        /// Catches a value on the command line, to say why it is refused
        #[arg(hide = true, value_name = "VALUE")]
        extra: Vec<String>,
    },
}
