//! The table of all alerts. Numbers are hexadecimal, in the blocks of their sources; the last digit of a
//! threshold's number is the change: 1 to warning, 2 to critical, 3 from critical to warning, 4 to normal,
//! 5 to unknown, 6 to unmonitored.

use super::{Entry, Source, Words};
use crate::alert::Severity::{self, Critical, Information, Warning};

/// Where the alerts of each monitor rule begin.
pub const RULE_BLOCKS: &[(&str, u16)] = &[
    ("cpu", 0x100),
    ("physical-memory", 0x200),
    ("virtual-memory", 0x210),
    ("page-file", 0x220),
    ("file-system", 0x300),
    ("storage", 0x400),
];

/// Every entry.
pub const ALL: &[&[Entry]] = &[
    CPU,
    PHYSICAL_MEMORY,
    VIRTUAL_MEMORY,
    PAGE_FILE,
    FILE_SYSTEM,
    STORAGE,
    COMMON,
    AGENT,
];

/// Numbers of the agent's own alerts.
pub mod agent {
    /// The agent has started.
    pub const STARTED: u16 = 0x601;
    /// The agent stops.
    pub const STOPPED: u16 = 0x602;
    /// The agent's certificate ends soon. Arguments: the last day, the days left.
    pub const CERTIFICATE_EXPIRING: u16 = 0x603;
    /// A subscription's lease ended without a renewal. Arguments: destination, account, subscription.
    pub const LEASE_LAPSED: u16 = 0x604;
    /// A destination did not answer for too long. Arguments: destination, for how long, how many subscriptions are
    /// removed, how many disabled, alerts lost.
    pub const DELIVERY_GIVEN_UP: u16 = 0x605;
    /// The wall clock was set. Arguments: seconds, forward or back.
    pub const CLOCK_STEPPED: u16 = 0x606;
    /// A part of the agent failed and runs again. Arguments: part, error.
    pub const WORKER_RESTARTED: u16 = 0x607;
    /// A watched log cannot be read. Arguments: file, error.
    pub const LOG_UNREADABLE: u16 = 0x608;
    /// The database was damaged. Arguments: where it was put aside, what was found.
    pub const STORE_DAMAGED: u16 = 0x609;
    /// A changed configuration was not taken. Arguments: file, first error.
    pub const CONFIGURATION_REFUSED: u16 = 0x60A;
    /// A test.
    pub const TEST: u16 = 0x60B;
    /// The agent has a new certificate for the same key. Arguments: SHA-256 of the new one, of the old one, why.
    pub const CERTIFICATE_RENEWED: u16 = 0x60C;
    /// The agent has a new certificate with another key. Arguments: SHA-256 of the new one, of the old one, why.
    pub const CERTIFICATE_REPLACED: u16 = 0x60D;
    /// A changed certificate cannot be used. Arguments: file, error.
    pub const CERTIFICATE_UNUSABLE: u16 = 0x60E;
    /// The state of a subscription is another one; told to that subscription alone. Arguments: subscription, state.
    pub const SUBSCRIPTION_STATE: u16 = 0x60F;
}

/// Numbers of hardware alerts.
pub mod common {
    /// Fewer processors than before. Arguments: now, before.
    pub const PROCESSORS_DEGRADED: u16 = 0x501;
    /// Less memory than before. Arguments: MiB now, MiB before.
    pub const MEMORY_DEGRADED: u16 = 0x502;
}

/// `ProbableCause`: Threshold Crossed.
const THRESHOLD: u16 = 52;

const fn both(en: &'static str, ja: &'static str) -> Words {
    Words { en, ja }
}

/// A line about a crossed threshold.
const fn level(
    source: Source,
    number: u16,
    severity: Severity,
    arguments: &'static [&'static str],
    trap_name: Words,
    message: Words,
    remedy: Words,
) -> Entry {
    Entry {
        source,
        number,
        severity,
        probable_cause: THRESHOLD,
        arguments,
        trap_name,
        message,
        remedy,
    }
}

const NOTHING_TO_DO: Words = both("No action is needed.", "対処の必要はありません。");
const LOOK_WHY_UNREADABLE: Words = both(
    "Check the agent's log for the reason. Monitoring resumes by itself once the value can be read again.",
    "エージェントのログで原因を確認してください。値を取得できるようになると、監視は自動的に再開します。",
);

const CPU_REMEDY: Words = both(
    "Find the processes with the highest processor time (for example with `top`). If the load is usual for this \
     server, spread it, add processors, or raise the threshold.",
    "プロセッサー時間の多いプロセスを確認してください (例: top コマンド)。この負荷が通常の状態であれば、\
     処理の分散、プロセッサーの増設、またはしきい値の変更を検討してください。",
);

const CPU: &[Entry] = &[
    level(
        Source::CpuPerf,
        0x101,
        Warning,
        &["value", "limit"],
        both("Processor load: warning", "プロセッサー負荷: 警告"),
        both(
            "The processor load of {value} % has reached the warning level of {limit} %.",
            "プロセッサーの負荷が {value} % となり、警告のしきい値 {limit} % に達しました。",
        ),
        CPU_REMEDY,
    ),
    level(
        Source::CpuPerf,
        0x102,
        Critical,
        &["value", "limit"],
        both("Processor load: critical", "プロセッサー負荷: 異常"),
        both(
            "The processor load of {value} % has reached the critical level of {limit} %.",
            "プロセッサーの負荷が {value} % となり、異常のしきい値 {limit} % に達しました。",
        ),
        CPU_REMEDY,
    ),
    level(
        Source::CpuPerf,
        0x103,
        Warning,
        &["value"],
        both(
            "Processor load: no longer critical",
            "プロセッサー負荷: 異常から警告に回復",
        ),
        both(
            "The processor load has fallen to {value} %. It is no longer critical, but still above the warning \
             level.",
            "プロセッサーの負荷が {value} % に下がりました。異常ではなくなりましたが、警告の状態は続いています。",
        ),
        CPU_REMEDY,
    ),
    level(
        Source::CpuPerf,
        0x104,
        Information,
        &["value"],
        both("Processor load: normal", "プロセッサー負荷: 正常"),
        both(
            "The processor load is normal at {value} %.",
            "プロセッサーの負荷は {value} % で、正常です。",
        ),
        NOTHING_TO_DO,
    ),
    level(
        Source::CpuPerf,
        0x105,
        Warning,
        &[],
        both("Processor load: unknown", "プロセッサー負荷: 不明"),
        both(
            "The processor load cannot be read.",
            "プロセッサーの負荷を取得できません。",
        ),
        LOOK_WHY_UNREADABLE,
    ),
    level(
        Source::CpuPerf,
        0x106,
        Information,
        &[],
        both("Processor load: not monitored", "プロセッサー負荷: 監視停止"),
        both(
            "The processor load is no longer monitored.",
            "プロセッサーの負荷の監視を停止しました。",
        ),
        NOTHING_TO_DO,
    ),
];

const MEMORY_REMEDY: Words = both(
    "Find the processes that use the most memory (for example with `top`). If the use is usual for this server, \
     move work elsewhere, add memory, or raise the threshold.",
    "メモリーの使用量が多いプロセスを確認してください (例: top コマンド)。この使用量が通常の状態であれば、\
     処理の移動、メモリーの増設、またはしきい値の変更を検討してください。",
);

const PHYSICAL_MEMORY: &[Entry] = &[
    level(
        Source::MemoryUsage,
        0x201,
        Warning,
        &["value", "limit"],
        both("Physical memory: warning", "物理メモリー使用率: 警告"),
        both(
            "{value} % of the physical memory is in use: the warning level of {limit} % is reached.",
            "物理メモリーの使用率が {value} % となり、警告のしきい値 {limit} % に達しました。",
        ),
        MEMORY_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x202,
        Critical,
        &["value", "limit"],
        both("Physical memory: critical", "物理メモリー使用率: 異常"),
        both(
            "{value} % of the physical memory is in use: the critical level of {limit} % is reached.",
            "物理メモリーの使用率が {value} % となり、異常のしきい値 {limit} % に達しました。",
        ),
        MEMORY_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x203,
        Warning,
        &["value"],
        both(
            "Physical memory: no longer critical",
            "物理メモリー使用率: 異常から警告に回復",
        ),
        both(
            "{value} % of the physical memory is in use. This is no longer critical, but still above the warning \
             level.",
            "物理メモリーの使用率が {value} % に下がりました。異常ではなくなりましたが、警告の状態は続いています。",
        ),
        MEMORY_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x204,
        Information,
        &["value"],
        both("Physical memory: normal", "物理メモリー使用率: 正常"),
        both(
            "The use of physical memory is normal at {value} %.",
            "物理メモリーの使用率は {value} % で、正常です。",
        ),
        NOTHING_TO_DO,
    ),
    level(
        Source::MemoryUsage,
        0x205,
        Warning,
        &[],
        both("Physical memory: unknown", "物理メモリー使用率: 不明"),
        both(
            "The use of physical memory cannot be read.",
            "物理メモリーの使用率を取得できません。",
        ),
        LOOK_WHY_UNREADABLE,
    ),
    level(
        Source::MemoryUsage,
        0x206,
        Information,
        &[],
        both("Physical memory: not monitored", "物理メモリー使用率: 監視停止"),
        both(
            "Physical memory is no longer monitored.",
            "物理メモリーの使用率の監視を停止しました。",
        ),
        NOTHING_TO_DO,
    ),
];

const VIRTUAL_MEMORY: &[Entry] = &[
    level(
        Source::MemoryUsage,
        0x211,
        Warning,
        &["value", "limit"],
        both("Virtual memory: warning", "仮想メモリー使用率: 警告"),
        both(
            "{value} % of the virtual memory is in use: the warning level of {limit} % is reached.",
            "仮想メモリーの使用率が {value} % となり、警告のしきい値 {limit} % に達しました。",
        ),
        MEMORY_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x212,
        Critical,
        &["value", "limit"],
        both("Virtual memory: critical", "仮想メモリー使用率: 異常"),
        both(
            "{value} % of the virtual memory is in use: the critical level of {limit} % is reached.",
            "仮想メモリーの使用率が {value} % となり、異常のしきい値 {limit} % に達しました。",
        ),
        MEMORY_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x213,
        Warning,
        &["value"],
        both(
            "Virtual memory: no longer critical",
            "仮想メモリー使用率: 異常から警告に回復",
        ),
        both(
            "{value} % of the virtual memory is in use. This is no longer critical, but still above the warning \
             level.",
            "仮想メモリーの使用率が {value} % に下がりました。異常ではなくなりましたが、警告の状態は続いています。",
        ),
        MEMORY_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x214,
        Information,
        &["value"],
        both("Virtual memory: normal", "仮想メモリー使用率: 正常"),
        both(
            "The use of virtual memory is normal at {value} %.",
            "仮想メモリーの使用率は {value} % で、正常です。",
        ),
        NOTHING_TO_DO,
    ),
    level(
        Source::MemoryUsage,
        0x215,
        Warning,
        &[],
        both("Virtual memory: unknown", "仮想メモリー使用率: 不明"),
        both(
            "The use of virtual memory cannot be read.",
            "仮想メモリーの使用率を取得できません。",
        ),
        LOOK_WHY_UNREADABLE,
    ),
    level(
        Source::MemoryUsage,
        0x216,
        Information,
        &[],
        both("Virtual memory: not monitored", "仮想メモリー使用率: 監視停止"),
        both(
            "Virtual memory is no longer monitored.",
            "仮想メモリーの使用率の監視を停止しました。",
        ),
        NOTHING_TO_DO,
    ),
];

const PAGE_FILE_REMEDY: Words = both(
    "Find the processes that use the most memory, and add memory or swap space. A full page file makes the kernel \
     end processes.",
    "メモリーの使用量が多いプロセスを確認し、メモリーの増設またはスワップ領域の追加を検討してください。\
     ページファイルがいっぱいになると、カーネルがプロセスを強制終了することがあります。",
);

const PAGE_FILE: &[Entry] = &[
    level(
        Source::MemoryUsage,
        0x221,
        Warning,
        &["value", "limit"],
        both("Page file: warning", "ページファイル使用率: 警告"),
        both(
            "{value} % of the page file (swap) is in use: the warning level of {limit} % is reached.",
            "ページファイル (スワップ) の使用率が {value} % となり、警告のしきい値 {limit} % に達しました。",
        ),
        PAGE_FILE_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x222,
        Critical,
        &["value", "limit"],
        both("Page file: critical", "ページファイル使用率: 異常"),
        both(
            "{value} % of the page file (swap) is in use: the critical level of {limit} % is reached.",
            "ページファイル (スワップ) の使用率が {value} % となり、異常のしきい値 {limit} % に達しました。",
        ),
        PAGE_FILE_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x223,
        Warning,
        &["value"],
        both(
            "Page file: no longer critical",
            "ページファイル使用率: 異常から警告に回復",
        ),
        both(
            "{value} % of the page file (swap) is in use. This is no longer critical, but still above the warning \
             level.",
            "ページファイル (スワップ) の使用率が {value} % に下がりました。異常ではなくなりましたが、\
             警告の状態は続いています。",
        ),
        PAGE_FILE_REMEDY,
    ),
    level(
        Source::MemoryUsage,
        0x224,
        Information,
        &["value"],
        both("Page file: normal", "ページファイル使用率: 正常"),
        both(
            "The use of the page file (swap) is normal at {value} %.",
            "ページファイル (スワップ) の使用率は {value} % で、正常です。",
        ),
        NOTHING_TO_DO,
    ),
    level(
        Source::MemoryUsage,
        0x225,
        Warning,
        &[],
        both("Page file: unknown", "ページファイル使用率: 不明"),
        both(
            "The use of the page file (swap) cannot be read.",
            "ページファイル (スワップ) の使用率を取得できません。",
        ),
        LOOK_WHY_UNREADABLE,
    ),
    level(
        Source::MemoryUsage,
        0x226,
        Information,
        &[],
        both("Page file: not monitored", "ページファイル使用率: 監視停止"),
        both(
            "The page file (swap) is no longer monitored.",
            "ページファイル (スワップ) の使用率の監視を停止しました。",
        ),
        NOTHING_TO_DO,
    ),
];

const FILE_SYSTEM_REMEDY: Words = both(
    "Delete or move files that are not needed, extend the file system, or change the threshold.",
    "不要なファイルの削除や移動、ファイルシステムの拡張、またはしきい値の変更を検討してください。",
);

const FILE_SYSTEM: &[Entry] = &[
    level(
        Source::FileSystem,
        0x301,
        Warning,
        &["target", "value", "limit"],
        both(
            "File system free space: warning",
            "ファイルシステム空き容量: 警告",
        ),
        both(
            "The free space of the file system {target} has fallen to {value} %: the warning level of {limit} % is \
             reached.",
            "ファイルシステム {target} の空き容量が {value} % となり、警告のしきい値 {limit} % に達しました。",
        ),
        FILE_SYSTEM_REMEDY,
    ),
    level(
        Source::FileSystem,
        0x302,
        Critical,
        &["target", "value", "limit"],
        both(
            "File system free space: critical",
            "ファイルシステム空き容量: 異常",
        ),
        both(
            "The free space of the file system {target} has fallen to {value} %: the critical level of {limit} % is \
             reached.",
            "ファイルシステム {target} の空き容量が {value} % となり、異常のしきい値 {limit} % に達しました。",
        ),
        FILE_SYSTEM_REMEDY,
    ),
    level(
        Source::FileSystem,
        0x303,
        Warning,
        &["target", "value"],
        both(
            "File system free space: no longer critical",
            "ファイルシステム空き容量: 異常から警告に回復",
        ),
        both(
            "The free space of the file system {target} has risen to {value} %. It is no longer critical, but still \
             below the warning level.",
            "ファイルシステム {target} の空き容量が {value} % に増えました。異常ではなくなりましたが、\
             警告の状態は続いています。",
        ),
        FILE_SYSTEM_REMEDY,
    ),
    level(
        Source::FileSystem,
        0x304,
        Information,
        &["target", "value"],
        both("File system free space: normal", "ファイルシステム空き容量: 正常"),
        both(
            "The free space of the file system {target} is normal at {value} %.",
            "ファイルシステム {target} の空き容量は {value} % で、正常です。",
        ),
        NOTHING_TO_DO,
    ),
    level(
        Source::FileSystem,
        0x305,
        Warning,
        &["target"],
        both(
            "File system free space: unknown",
            "ファイルシステム空き容量: 不明",
        ),
        both(
            "The free space of the file system {target} cannot be read.",
            "ファイルシステム {target} の空き容量を取得できません。",
        ),
        both(
            "Check that the file system answers (for example with `df`) and look into the kernel log for errors of \
             its device.",
            "ファイルシステムが応答するか確認し (例: df コマンド)、デバイスのエラーがないかカーネルログを\
             確認してください。",
        ),
    ),
    level(
        Source::FileSystem,
        0x306,
        Information,
        &["target"],
        both(
            "File system free space: not monitored",
            "ファイルシステム空き容量: 監視停止",
        ),
        both(
            "The file system {target} is no longer monitored.",
            "ファイルシステム {target} の監視を停止しました。",
        ),
        NOTHING_TO_DO,
    ),
];

const STORAGE_REMEDY: Words = both(
    "Make sure that a current backup exists, and replace the drive.",
    "最新のバックアップがあることを確認し、ドライブを交換してください。",
);

const STORAGE: &[Entry] = &[
    level(
        Source::Storage,
        0x401,
        Warning,
        &["target"],
        both("Drive: failure predicted", "ドライブ: 故障の予兆"),
        both(
            "The drive {target} predicts its own failure.",
            "ドライブ {target} で故障の予兆を検出しました。",
        ),
        STORAGE_REMEDY,
    ),
    Entry {
        source: Source::Storage,
        number: 0x402,
        severity: Critical,
        probable_cause: 86,
        arguments: &["target"],
        trap_name: both("Drive: failed", "ドライブ: 故障"),
        message: both(
            "The drive {target} has failed or is gone.",
            "ドライブ {target} が故障したか、取り外されました。",
        ),
        remedy: STORAGE_REMEDY,
    },
    level(
        Source::Storage,
        0x403,
        Warning,
        &["target"],
        both("Drive: back, failure predicted", "ドライブ: 復帰、故障の予兆あり"),
        both(
            "The drive {target} works again, but predicts its own failure.",
            "ドライブ {target} は復帰しましたが、故障の予兆が続いています。",
        ),
        STORAGE_REMEDY,
    ),
    level(
        Source::Storage,
        0x404,
        Information,
        &["target"],
        both("Drive: normal", "ドライブ: 正常"),
        both(
            "The drive {target} is in order.",
            "ドライブ {target} は正常です。",
        ),
        NOTHING_TO_DO,
    ),
    level(
        Source::Storage,
        0x405,
        Warning,
        &["target"],
        both("Drive: unknown", "ドライブ: 不明"),
        both(
            "The state of the drive {target} cannot be read.",
            "ドライブ {target} の状態を取得できません。",
        ),
        LOOK_WHY_UNREADABLE,
    ),
    level(
        Source::Storage,
        0x406,
        Information,
        &["target"],
        both("Drive: not monitored", "ドライブ: 監視停止"),
        both(
            "The drive {target} is no longer monitored.",
            "ドライブ {target} の監視を停止しました。",
        ),
        NOTHING_TO_DO,
    ),
];

const COMMON: &[Entry] = &[
    Entry {
        source: Source::Common,
        number: common::PROCESSORS_DEGRADED,
        severity: Warning,
        probable_cause: 88,
        arguments: &["now", "before"],
        trap_name: both("Processors degraded", "プロセッサーの縮退"),
        message: both(
            "{now} processors are online; there were {before} before.",
            "オンラインのプロセッサーが {before} 個から {now} 個に減りました。",
        ),
        remedy: both(
            "If no processor was removed on purpose, look into the hardware log and replace the failed one.",
            "意図した変更でない場合は、ハードウェアログを確認し、故障したプロセッサーを交換してください。",
        ),
    },
    Entry {
        source: Source::Common,
        number: common::MEMORY_DEGRADED,
        severity: Warning,
        probable_cause: 106,
        arguments: &["now", "before"],
        trap_name: both("Memory degraded", "メモリーの縮退"),
        message: both(
            "{now} MiB of memory are available; there were {before} MiB before.",
            "使用できるメモリーが {before} MiB から {now} MiB に減りました。",
        ),
        remedy: both(
            "If no memory was removed on purpose, look into the hardware log and replace the failed module.",
            "意図した変更でない場合は、ハードウェアログを確認し、故障したメモリーを交換してください。",
        ),
    },
];

const AGENT: &[Entry] = &[
    Entry {
        source: Source::Agent,
        number: agent::STARTED,
        severity: Information,
        probable_cause: 110,
        arguments: &["version"],
        trap_name: both("Agent started", "エージェント開始"),
        message: both(
            "The agent {version} has started.",
            "エージェント {version} を開始しました。",
        ),
        remedy: NOTHING_TO_DO,
    },
    Entry {
        source: Source::Agent,
        number: agent::STOPPED,
        severity: Information,
        probable_cause: 128,
        arguments: &["version"],
        trap_name: both("Agent stopped", "エージェント停止"),
        message: both(
            "The agent {version} stops.",
            "エージェント {version} を停止します。",
        ),
        remedy: both(
            "Start the agent again if it was not stopped on purpose.",
            "意図した停止でない場合は、エージェントを再度開始してください。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::CERTIFICATE_EXPIRING,
        severity: Warning,
        probable_cause: 125,
        arguments: &["date", "days"],
        trap_name: both("Certificate expiring", "証明書の有効期限"),
        message: both(
            "The agent's certificate ends on {date}, in {days} days.",
            "エージェントの証明書の有効期限は {date} です (残り {days} 日)。",
        ),
        remedy: both(
            "Put a new certificate in its place; the agent takes it without a restart.",
            "新しい証明書に置き換えてください。エージェントの再起動は必要ありません。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::LEASE_LAPSED,
        severity: Warning,
        probable_cause: 111,
        arguments: &["destination", "account", "subscription"],
        trap_name: both("Subscription lapsed", "サブスクリプションの期限切れ"),
        message: both(
            "The subscription {subscription} of {account} for {destination} was not renewed in time and has ended.",
            "{account} のサブスクリプション {subscription} (通知先 {destination}) は、期限までに更新されなかったため終了しました。",
        ),
        remedy: both(
            "Check that the manager runs, and let it subscribe again: it then gets what is still queued for it.",
            "マネージャーが動作していることを確認し、再度サブスクライブしてください。保持されている通知は、そのときに送信されます。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::DELIVERY_GIVEN_UP,
        severity: Critical,
        probable_cause: 7,
        arguments: &["destination", "time", "removed", "disabled", "lost"],
        trap_name: both("Delivery given up", "通知の断念"),
        message: both(
            "{destination} took no alert for {time}. Of its subscriptions {removed} are removed and {disabled} disabled; {lost} alerts are lost.",
            "通知先 {destination} に {time} の間通知できませんでした。サブスクリプション {removed} 件を削除、{disabled} 件を無効化し、{lost} 件の通知を破棄しました。",
        ),
        remedy: both(
            "Check the manager and the network between, then let the manager subscribe again.",
            "マネージャーとネットワークを確認し、マネージャーから再度サブスクライブしてください。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::CLOCK_STEPPED,
        severity: Information,
        probable_cause: 53,
        arguments: &["seconds"],
        trap_name: both("Clock stepped", "時刻の変更"),
        message: both(
            "The clock of the host was set by {seconds} seconds.",
            "ホストの時刻が {seconds} 秒変更されました。",
        ),
        remedy: both(
            "No action is needed: leases and intervals do not follow the clock. Expect a jump in time stamps.",
            "対処の必要はありません。リースと監視間隔は時刻の変更に影響されませんが、タイムスタンプは不連続になります。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::WORKER_RESTARTED,
        severity: Warning,
        probable_cause: 48,
        arguments: &["worker", "error"],
        trap_name: both("Part of the agent restarted", "エージェント内部処理の再起動"),
        message: both(
            "The part {worker} of the agent failed and was started again: {error}",
            "エージェントの内部処理 {worker} が失敗したため、再起動しました: {error}",
        ),
        remedy: both(
            "Report this with the agent's log if it happens again.",
            "繰り返し発生する場合は、エージェントのログを添えて報告してください。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::LOG_UNREADABLE,
        severity: Warning,
        probable_cause: 112,
        arguments: &["file", "error"],
        trap_name: both("Log unreadable", "ログの読み取り不可"),
        message: both(
            "The watched log {file} cannot be read: {error}",
            "監視対象のログ {file} を読み取れません: {error}",
        ),
        remedy: both(
            "Check that the file exists and that the agent's user may read it.",
            "ファイルの有無と、エージェントのユーザーに読み取り権限があることを確認してください。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::STORE_DAMAGED,
        severity: Critical,
        probable_cause: 116,
        arguments: &["file", "error"],
        trap_name: both("Database damaged", "データベースの破損"),
        message: both(
            "The agent's database was damaged ({error}). It was put aside as {file} and a new one was begun: \
             subscriptions and settings made remotely are lost.",
            "エージェントのデータベースが破損していたため ({error})、{file} に退避して新しく作成しました。\
             サブスクリプションとリモートからの設定は失われました。",
        ),
        remedy: both(
            "Check the disk for errors. Let the managers subscribe again and repeat settings that were made remotely.",
            "ディスクの異常を確認してください。マネージャーから再度サブスクライブし、リモートからの設定をやり直してください。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::CONFIGURATION_REFUSED,
        severity: Warning,
        probable_cause: 8,
        arguments: &["file", "error"],
        trap_name: both("Configuration refused", "設定ファイルの不採用"),
        message: both(
            "The changed configuration {file} was not taken, the one before stays in force: {error}",
            "変更された設定ファイル {file} に誤りがあるため、変更前の設定で動作を続けます: {error}",
        ),
        remedy: both(
            "Run `esm config check` and correct what it names.",
            "esm config check を実行し、指摘された箇所を修正してください。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::TEST,
        severity: Information,
        probable_cause: 1,
        arguments: &[],
        trap_name: both("Test", "テスト"),
        message: both(
            "This is a test of the alert path.",
            "これは通報経路のテストです。",
        ),
        remedy: NOTHING_TO_DO,
    },
    Entry {
        source: Source::Agent,
        number: agent::CERTIFICATE_RENEWED,
        severity: Warning,
        probable_cause: 1,
        arguments: &["new", "old", "reason"],
        trap_name: both("Certificate renewed", "証明書の更新"),
        message: both(
            "The agent has a new certificate for the same key ({reason}). SHA-256: {new}, before {old}.",
            "エージェントの証明書を同じ鍵のまま更新しました ({reason})。SHA-256: {new} (更新前: {old})",
        ),
        remedy: both(
            "No action is needed where the key is pinned. Managers that pinned the certificate itself must be given the \
             new fingerprint.",
            "鍵をピン留めしている場合、対処の必要はありません。証明書そのものをピン留めしているマネージャーには、\
             新しいフィンガープリントを設定してください。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::CERTIFICATE_REPLACED,
        severity: Warning,
        probable_cause: 1,
        arguments: &["new", "old", "reason"],
        trap_name: both("Certificate replaced", "証明書の交換"),
        message: both(
            "The agent has a new certificate with another key ({reason}). SHA-256: {new}, before {old}.",
            "エージェントの証明書が別の鍵のものに変わりました ({reason})。SHA-256: {new} (変更前: {old})",
        ),
        remedy: both(
            "If this was done on purpose, give the new fingerprint to the managers that pinned the old one. Else find \
             out who replaced the files.",
            "意図した変更の場合は、以前のフィンガープリントをピン留めしているマネージャーに新しいものを設定してください。\
             意図しない場合は、ファイルの変更元を確認してください。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::CERTIFICATE_UNUSABLE,
        severity: Warning,
        probable_cause: 8,
        arguments: &["file", "error"],
        trap_name: both("Certificate unusable", "証明書の使用不可"),
        message: both(
            "The certificate {file} or its key cannot be used, the pair before stays in use: {error}",
            "証明書 {file} またはその鍵を使用できないため、変更前のもので動作を続けます: {error}",
        ),
        remedy: both(
            "Put a certificate and the key that belongs to it in place; the agent takes them without a restart.",
            "証明書とそれに対応する鍵を配置してください。エージェントの再起動は必要ありません。",
        ),
    },
    Entry {
        source: Source::Agent,
        number: agent::SUBSCRIPTION_STATE,
        severity: Information,
        probable_cause: 1,
        arguments: &["subscription", "state"],
        trap_name: both("Subscription state", "サブスクリプションの状態"),
        message: both(
            "SubscriptionState of the subscription {subscription} is {state} now.",
            "サブスクリプション {subscription} の SubscriptionState が {state} になりました。",
        ),
        remedy: both(
            "If this was not wanted, enable the subscription again, or make it anew where it has expired.",
            "意図しない変更の場合は、サブスクリプションを再度有効にしてください。期限切れの場合は、作成し直してください。",
        ),
    },
];
