//! Debian's wbemcli: each of its operations over HTTP, and over HTTPS with the certificate checked.

use std::fmt::Write as _;
use std::process::Command;

use crate::agent::{Agent, USER};
use crate::command::run;
use crate::dsp0203::check_reply;
use crate::wsman_service::Service;
use crate::wsman_service::classes::MANY;

/// Where a server listens, and how it is logged in there.
struct Server<'a> {
    scheme: &'a str,
    authority: String,
    login: String,
    certificate: std::path::PathBuf,
}

impl<'a> Server<'a> {
    fn plain(service: &Service) -> Self {
        Self {
            scheme: "http",
            authority: service.plain.to_string(),
            login: "ann:ann".to_owned(),
            certificate: service.certificate(),
        }
    }

    fn tls(service: &Service) -> Self {
        Self {
            scheme: "https",
            authority: format!("localhost:{}", service.tls.port()),
            ..Self::plain(service)
        }
    }

    fn agent(agent: &Agent, scheme: &'a str, port: u16) -> Self {
        Self {
            scheme,
            authority: format!("127.0.0.1:{port}"),
            login: format!("{USER}:{}", agent.password()),
            certificate: agent.certificate(),
        }
    }

    /// Runs an operation on an object, which stands in place of `@`; returns what it prints, with `HOST` for the
    /// server.
    #[track_caller]
    fn ask(&self, object: &str, arguments: &[&str]) -> String {
        let url = format!("{}://{}@{}/{object}", self.scheme, self.login, self.authority);
        let (operation, arguments) = arguments.split_first().unwrap();
        let mut command = Command::new("wbemcli");
        command.args([operation, "-dx"]);
        if self.scheme == "https" {
            command.arg("-cacert").arg(&self.certificate);
        }
        command.args(arguments.iter().map(|argument| match *argument {
            "@" => url.as_str(),
            argument => argument,
        }));
        let ended = run(&mut command);
        // The messages go to standard error, before what it has to say itself.
        let (trace, said) = ended.err.rsplit_once("</CIM>\n").unwrap_or(("", &ended.err));
        if let Some((_, reply)) = trace.rsplit_once("From server: ") {
            check_reply(&format!("{reply}</CIM>"));
        }
        (ended.out + said).replace(&self.authority, "HOST")
    }
}

/// What wbemcli says of each line `OBJECT: ARGUMENTS` about classes of the tests' own, over HTTP and over HTTPS the
/// same.
#[track_caller]
fn transcript(lines: &[(&str, &[&str])]) -> String {
    let services = [Service::start(), Service::start()];
    let servers = [Server::plain(&services[0]), Server::tls(&services[1])];
    let [plain, tls] = servers.map(|server| {
        let mut text = String::new();
        for (object, arguments) in lines {
            let said = server.ask(&format!("root/test{object}"), arguments);
            let arguments = arguments.join(" ").replace('@', object);
            writeln!(text, "$ wbemcli {arguments}").unwrap();
            // Errors stand between lines with a star.
            for line in said.trim_end().lines().filter(|line| *line != "*") {
                writeln!(text, "{line}").unwrap();
            }
        }
        text
    });
    assert_eq!(plain, tls, "over HTTP and over HTTPS");
    plain
}

#[test]
fn instances_are_read() {
    insta::assert_snapshot!(transcript(&[
        (":Test_Item", &["ein", "@"]),
        (":TEST_ITEM", &["ei", "-nl", "-t", "@", "Number,Text,Levels,Even"]),
        (":Test_Item.Number=2", &["gi", "-nl", "-t", "@"]),
        (":test_item.number=2", &["gi", "@", "Number,Ratio,Nope"]),
        (":Test_Item.Number=2", &["gp", "@", "Levels"]),
    ]), @r#"
    $ wbemcli ein :Test_Item
    HOST/root/test:Test_Item.Number=1
    HOST/root/test:Test_Item.Number=2
    HOST/root/test:Test_Item.Number=3
    HOST/root/test:Test_Item.Number=4
    HOST/root/test:Test_SubItem.Number=5
    $ wbemcli ei -nl -t :TEST_ITEM Number,Text,Levels,Even
    HOST/root/test:Test_Item.Number=1
    -Number#=1
    -Text="item <1> & é日"
    -Levels[]=0
    -Even=FALSE

    HOST/root/test:Test_Item.Number=2
    -Number#=2
    -Text="item <2> & é日"
    -Levels[]=0,1
    -Even=TRUE

    HOST/root/test:Test_Item.Number=3
    -Number#=3
    -Text="item <3> & é日"
    -Levels[]=0,1,2
    -Even=FALSE

    HOST/root/test:Test_Item.Number=4
    -Number#=4
    -Text="item <4> & é日"
    -Levels[]=0,1,2,3
    -Even=TRUE

    HOST/root/test:Test_SubItem.Number=5
    -Number#=5
    -Text="item <5> & é日"
    -Levels[]=0,1,2,3,4
    -Even=FALSE
    $ wbemcli gi -nl -t :Test_Item.Number=2
    HOST/root/test:Test_Item.Number="2"
    -InstanceID=
    -Caption=
    -Description=
    -ElementName=
    -Generation=
    -Number#=2
    -Text="item <2> & é日"
    -Note=
    -Levels[]=0,1
    -Even=TRUE
    -Ratio=0.5
    -When=20270115080000.123458+000
    -Lasts=00000003000101.000000:000
    -Part="<INSTANCE CLASSNAME=\"Test_Part\"><PROPERTY NAME=\"Name\" TYPE=\"string\"><VALUE>part 2</VALUE></PROPERTY><PROPERTY NAME=\"Weight\" TYPE=\"uint8\"><VALUE>7</VALUE></PROPERTY></INSTANCE>"
    $ wbemcli gi :test_item.number=2 Number,Ratio,Nope
    HOST/root/test:test_item.number="2" Number=2,Ratio=0.5
    $ wbemcli gp :Test_Item.Number=2 Levels
    0,1
    "#);
}

#[test]
fn classes_are_read() {
    insta::assert_snapshot!(transcript(&[
        (":Test_Group", &["gc", "-nl", "-t", "@"]),
        (":Test_Membership", &["gcd", "@"]),
        (":Test_Item", &["ec", "@"]),
        (":Test_Item", &["ecn", "@"]),
    ]), @r#"
    $ wbemcli gc -nl -t :Test_Group
    HOST/root/test:Test_Group
    -InstanceID=
    -Caption=
    -Description=
    -ElementName=
    -Generation=
    -Name#=
    $ wbemcli gcd :Test_Membership
    <CLASS NAME="Test_Membership"><PROPERTY.REFERENCE NAME="Group" REFERENCECLASS="Test_Group"></PROPERTY.REFERENCE><PROPERTY.REFERENCE NAME="Member" REFERENCECLASS="Test_Item"></PROPERTY.REFERENCE><PROPERTY NAME="Rank" TYPE="string"></PROPERTY></CLASS>
    $ wbemcli ec :Test_Item
    HOST/root/test:Test_SubItem InstanceID=,Caption=,Description=,ElementName=,Generation=,Number=,Text=,Note=,Levels=,Even=,Ratio=,When=,Lasts=,Part=,Extra=
    $ wbemcli ecn :Test_Item
    HOST/root/test:Test_SubItem
    "#);
}

#[test]
fn instances_are_created_changed_and_deleted() {
    insta::assert_snapshot!(transcript(&[
        (":Test_Group.Name=\"third\"", &["ci", "@", "Name=third,ElementName=\"no 3\""]),
        (":Test_Group.Name=\"third\"", &["ci", "@", "Name=third"]),
        (":Test_Group.Name=\"third\"", &["gi", "@", "ElementName"]),
        (":Test_Item.Number=2", &["mi", "@", "Number=2,Note=new,Levels=7,8"]),
        (":Test_Item.Number=2", &["gi", "@", "Note,Levels"]),
        (":Test_Item.Number=2", &["sp", "@", "Note=other"]),
        (":Test_Item.Number=2", &["gp", "@", "Note"]),
        (":Test_Item.Number=2", &["sp", "@", "Text=other"]),
        (":Test_Item.Number=2", &["sp", "@", "Nope=other"]),
        (":Test_Group.Name=\"third\"", &["di", "@"]),
        (":Test_Group.Name=\"third\"", &["di", "@"]),
    ]), @r#"
    $ wbemcli ci :Test_Group.Name="third" Name=third,ElementName="no 3"
    HOST/root/test:Test_Group.Name="third"
    $ wbemcli ci :Test_Group.Name="third" Name=third
    * wbemcli: Cim: (11) CIM_ERR_ALREADY_EXISTS: Test_Group.Name="third" is there already
    $ wbemcli gi :Test_Group.Name="third" ElementName
    HOST/root/test:Test_Group.Name="third" ElementName="no 3"
    $ wbemcli mi :Test_Item.Number=2 Number=2,Note=new,Levels=7,8
    $ wbemcli gi :Test_Item.Number=2 Note,Levels
    HOST/root/test:Test_Item.Number="2" Note="new",Levels=7,8
    $ wbemcli sp :Test_Item.Number=2 Note=other
    $ wbemcli gp :Test_Item.Number=2 Note
    other
    $ wbemcli sp :Test_Item.Number=2 Text=other
    * wbemcli: Cim: (7) CIM_ERR_NOT_SUPPORTED: the property Text of Test_Item cannot be written
    $ wbemcli sp :Test_Item.Number=2 Nope=other
    * wbemcli: Cmd Exception: Unknown property
    $ wbemcli di :Test_Group.Name="third"
    $ wbemcli di :Test_Group.Name="third"
    * wbemcli: Cim: (6) CIM_ERR_NOT_FOUND: there is no instance Test_Group.Name="third"
    "#);
}

#[test]
fn associations_are_walked() {
    insta::assert_snapshot!(transcript(&[
        (":Test_Item.Number=2", &["ain", "@"]),
        (":Test_Group.Name=\"even\"", &["ain", "@"]),
        (
            ":Test_Item.Number=2",
            &["ai", "-ac", "Test_Membership", "-arc", "Test_Group", "-ar", "Member", "-arr", "Group", "@", "Name"],
        ),
        (":Test_Item.Number=2", &["ain", "-ar", "Group", "@"]),
        (":Test_Item.Number=2", &["rin", "@"]),
        (":Test_Item.Number=2", &["ri", "-nl", "-t", "@"]),
        (":Test_Item.Number=2", &["ri", "-arc", "Test_Item", "@"]),
    ]), @r##"
    $ wbemcli ain :Test_Item.Number=2
    localhost/root/test:Test_Group.Name="even"
    $ wbemcli ain :Test_Group.Name="even"
    localhost/root/test:Test_Item.Number=2
    localhost/root/test:Test_Item.Number=4
    $ wbemcli ai -ac Test_Membership -arc Test_Group -ar Member -arr Group :Test_Item.Number=2 Name
    localhost/root/test:Test_Group.Name="even" Name="even"
    $ wbemcli ain -ar Group :Test_Item.Number=2
    $ wbemcli rin :Test_Item.Number=2
    localhost/root/test:Test_Membership.Group=root/test:Test_Group.Name="even",Member=root/test:Test_Item.Number=2
    $ wbemcli ri -nl -t :Test_Item.Number=2
    localhost/root/test:Test_Membership.Group=root/test:Test_Group.Name="even",Member=root/test:Test_Item.Number=2
    -Group&#=root/test:Test_Group.Name="even"
    -Member&#=root/test:Test_Item.Number=2
    -Rank="#2"
    $ wbemcli ri -arc Test_Item :Test_Item.Number=2
    * wbemcli: Cim: (4) CIM_ERR_INVALID_PARAMETER: Test_Item is no association
    "##);
}

#[test]
fn methods_are_called() {
    insta::assert_snapshot!(transcript(&[
        (":Test_Item.Number=2", &["cm", "@", "Repeat.Text=\"ab\",Times=3"]),
        (":Test_Item.Number=2", &["cmx", "@", "repeat.Text=\"ab\",Times=2"]),
        (":Test_Item", &["cm", "@", "Total"]),
        (":Test_Item.Number=2", &["cm", "@", "Nope"]),
        (":Test_Item.Number=2", &["cm", "@", "Repeat.Text=\"ab\",Times=300"]),
    ]), @r#"
    $ wbemcli cm :Test_Item.Number=2 Repeat.Text="ab",Times=3
    HOST/root/test:Test_Item.Number=2 Repeat: 0, Result (string): ababab, Pieces (string): ab,ab,ab
    $ wbemcli cmx :Test_Item.Number=2 repeat.Text="ab",Times=2
    <METHODRESPONSE NAME="repeat"><RETURNVALUE PARAMTYPE="uint32"><VALUE>0</VALUE></RETURNVALUE><PARAMVALUE NAME="Result" PARAMTYPE="string"><VALUE>abab</VALUE></PARAMVALUE><PARAMVALUE NAME="Pieces" PARAMTYPE="string"><VALUE.ARRAY><VALUE>ab</VALUE><VALUE>ab</VALUE></VALUE.ARRAY></PARAMVALUE></METHODRESPONSE>
    $ wbemcli cm :Test_Item Total
    HOST/root/test:Test_Item Total: 4
    $ wbemcli cm :Test_Item.Number=2 Nope
    * wbemcli: Cim: (17) CIM_ERR_METHOD_NOT_FOUND: class Test_Item has no method Nope
    $ wbemcli cm :Test_Item.Number=2 Repeat.Text="ab",Times=300
    * wbemcli: Cim: (4) CIM_ERR_INVALID_PARAMETER: the argument Times of Repeat: `300` is no uint8 (0 to 255)
    "#);
}

#[test]
fn errors_have_their_codes() {
    insta::assert_snapshot!(transcript(&[
        ("x:Test_Item", &["ei", "@"]),
        (":Test_Nope", &["ei", "@"]),
        (":Test_Nope", &["ein", "@"]),
        (":Test_Nope", &["ec", "@"]),
        (":Test_Nope", &["gc", "@"]),
        (":Test_Nope.Number=2", &["gi", "@"]),
        (":Test_Item.Number=77", &["gi", "@"]),
        (":Test_Item.Nope=77", &["gi", "@"]),
        (":Test_Item.Number=2", &["gp", "@", "Nope"]),
        (":Test_Item.Number=2", &["ain", "-ac", "Test_Nope", "@"]),
        (":Test_Item", &["dc", "@"]),
        (":Test_Failing", &["ei", "@"]),
        (":Test_Panicking", &["ei", "@"]),
    ]), @r#"
    $ wbemcli ei x:Test_Item
    * wbemcli: Cim: (3) CIM_ERR_INVALID_NAMESPACE: there is no namespace `root/testx` here
    $ wbemcli ei :Test_Nope
    * wbemcli: Cim: (5) CIM_ERR_INVALID_CLASS: namespace `root/test` has no class `Test_Nope`
    $ wbemcli ein :Test_Nope
    * wbemcli: Cim: (5) CIM_ERR_INVALID_CLASS: namespace `root/test` has no class `Test_Nope`
    $ wbemcli ec :Test_Nope
    * wbemcli: Cim: (5) CIM_ERR_INVALID_CLASS: namespace `root/test` has no class `Test_Nope`
    $ wbemcli gc :Test_Nope
    * wbemcli: Cim: (6) CIM_ERR_NOT_FOUND: namespace `root/test` has no class `Test_Nope`
    $ wbemcli gi :Test_Nope.Number=2
    * wbemcli: Cim: (5) CIM_ERR_INVALID_CLASS: namespace `root/test` has no class `Test_Nope`
    $ wbemcli gi :Test_Item.Number=77
    * wbemcli: Cim: (6) CIM_ERR_NOT_FOUND: there is no instance Test_Item.Number=77
    $ wbemcli gi :Test_Item.Nope=77
    * wbemcli: Cim: (4) CIM_ERR_INVALID_PARAMETER: class Test_Item has no key `Nope`
    $ wbemcli gp :Test_Item.Number=2 Nope
    * wbemcli: Cim: (12) CIM_ERR_NO_SUCH_PROPERTY: class Test_Item has no property Nope
    $ wbemcli ain -ac Test_Nope :Test_Item.Number=2
    * wbemcli: Cim: (4) CIM_ERR_INVALID_PARAMETER: namespace `root/test` has no class `Test_Nope`
    $ wbemcli dc :Test_Item
    * wbemcli: Cim: (7) CIM_ERR_NOT_SUPPORTED: DeleteClass: the schema of this server comes from its MOF files and is not changed by clients
    $ wbemcli ei :Test_Failing
    * wbemcli: Cim: (1) CIM_ERR_FAILED: the third one broke
    $ wbemcli ei :Test_Panicking
    * wbemcli: Cim: (1) CIM_ERR_FAILED: answering this request failed; the agent's log says why
    "#);
}

#[test]
fn a_reply_in_chunks_is_read() {
    let service = Service::start();
    for server in [Server::plain(&service), Server::tls(&service)] {
        let said = server.ask("root/test:Test_Many", &["ein", "@"]);
        assert_eq!(said.trim_end().lines().count(), MANY as usize);
        assert!(said.ends_with(&format!("Test_Many.Number={}\n", MANY - 1)));
    }
}

#[test]
fn a_certificate_of_somebody_else_is_refused() {
    let (service, other) = (Service::start(), Service::start());
    let server = Server {
        certificate: other.certificate(),
        ..Server::tls(&service)
    };
    let said = server.ask("root/test:Test_Item", &["ein", "@"]);
    assert!(!said.contains("Test_Item.Number"), "{said}");
    assert!(said.contains("SSL"), "{said}");
}

/// The commands that administrators have in their scripts, against the real agent.
#[test]
fn the_agent_answers_on_both_of_its_ports() {
    let agent = Agent::start();
    for (scheme, port) in [("https", agent.cimxml_port()), ("http", agent.cimxml_http_port())] {
        let server = Server::agent(&agent, scheme, port);
        let said = server.ask("root/ESMPRO/AS:ESM_Processor", &["ei", "-nl", "-t", "@"]);
        assert!(said.contains("DeviceID=\"_Total\"\n"), "{said}");
        assert!(said.contains("\n-LoadPercentage="), "{said}");
        let said = server.ask("root/cimv2:CIM_OperatingSystem", &["ein", "@"]);
        assert!(said.starts_with("HOST/root/cimv2:ESM_OperatingSystem."), "{said}");
        let monitor = "root/ESMPRO/AS:ESM_MonitorSetting.InstanceID=\"cpu\"";
        assert_eq!(server.ask(monitor, &["sp", "@", "HoldSamples=4"]), "");
        assert_eq!(server.ask(monitor, &["gp", "@", "HoldSamples"]).trim_end(), "4");
        assert_eq!(server.ask(monitor, &["di", "@"]), "");
        let said = server.ask(monitor, &["gp", "@", "HoldSamples"]);
        assert_eq!(said.trim_end(), "3");
    }
}
