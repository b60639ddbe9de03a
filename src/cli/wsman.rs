//! `esm wsman`: a WS-Management client.

mod arguments;
mod enumerate;
mod printer;
mod read;
mod subscribe;
mod write;

use clap::Subcommand;

use super::Global;
use super::connect::{ConnectionArgs, block_on};
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use crate::client::classes::Classes;
use crate::client::wsman::WsmanClient;

/// Ask an agent over WS-Management, or any other server that speaks it
///
/// Without --url it is the agent of this machine, over its local socket, which needs no login.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A class is named by its bare name, or by a whole resource URI. An instance is
CLASS?Key=Value&Key2=Value; so many keys are needed as tell it from the others, and none where there
is but one. In values %26 stands for `&`.

Examples:
  esm wsman identify
  esm wsman enumerate ESM_FileSystemThread
  esm wsman get 'ESM_FileSystemThread?Name=/var'
  esm wsman --url https://server --user admin --pin SHA256 get ESM_GeneralInformation --output json
  esm wsman enumerate --filter 'select * from ESM_Processor where LoadPercentage > 50'
  esm wsman put 'ESM_MonitorSetting?InstanceID=cpu' Warning=70 WarningReset=65
  esm wsman subscribe CIM_Indication --notify-to https://manager:6736/ --expires 1h

The password of --user stands in the variable ESM_PASSWORD or in the file of --password-file, or is
asked for.")]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    action: Action,
}

/// Options of every action.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Namespace and form")]
struct Common {
    /// The CIM namespace [default: root/ESMPRO/AS for ESM classes and for events, root/cimv2 for others]
    #[arg(long, value_name = "NAMESPACE", global = true)]
    namespace: Option<String>,
    /// The form of the answer; xml is as it came from the agent
    #[arg(long, value_enum, default_value_t, value_name = "FORM", global = true)]
    output: Format,
}

#[derive(Debug, Subcommand)]
enum Action {
    Identify(read::IdentifyArgs),
    Get(read::GetArgs),
    Enumerate(enumerate::EnumerateArgs),
    Put(write::PutArgs),
    Create(write::CreateArgs),
    Delete(write::DeleteArgs),
    Invoke(write::InvokeArgs),
    Subscribe(subscribe::SubscribeArgs),
    Renew(subscribe::RenewArgs),
    Unsubscribe(subscribe::UnsubscribeArgs),
    Pull(subscribe::PullArgs),
}

/// What every action works with.
struct Session<'o> {
    client: WsmanClient,
    common: Common,
    classes: Classes,
    out: &'o mut Output,
}

impl Session<'_> {
    fn namespace(&self) -> Option<&str> {
        self.common.namespace.as_deref()
    }
}

pub(super) fn run(args: &Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let mut session = Session {
        client: args.connection.client(global)?,
        common: args.common.clone(),
        classes: Classes::default(),
        out,
    };
    block_on(async {
        match &args.action {
            Action::Identify(_) => read::identify(&mut session).await,
            Action::Get(args) => read::get(args, &mut session).await,
            Action::Enumerate(args) => enumerate::run(args, &mut session).await,
            Action::Put(args) => write::put(args, &mut session).await,
            Action::Create(args) => write::create(args, &mut session).await,
            Action::Delete(args) => write::delete(args, &mut session).await,
            Action::Invoke(args) => write::invoke(args, &mut session).await,
            Action::Subscribe(args) => subscribe::subscribe(args, &mut session).await,
            Action::Renew(args) => subscribe::renew(args, &mut session).await,
            Action::Unsubscribe(args) => subscribe::unsubscribe(args, &mut session).await,
            Action::Pull(args) => subscribe::pull(args, &mut session).await,
        }
    })
}
