//! What a running agent does when something around it changes: its configuration, its certificate, its accounts,
//! its database, its service manager, who speaks to it.

mod around;
mod certificate;
mod client_certificates;
mod first_start;
mod identity;
mod local_socket;
mod reload;
mod remote;
mod syslog_socket;
