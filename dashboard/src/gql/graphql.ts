/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** An existing folder to add as an instance. */
export type AddInstanceInput = {
  /** 1-64 characters: letters of any script, digits, `-`, `_`, `.` and space (not at either end). Unique. */
  name: string;
  /** Existing folder that no instance uses: an absolute path, or one that begins with `~`, the workspace. */
  path: string;
  /** TCP port of the main program, 1-65535; no other instance may have it. Null: the one in the bot's configuration, else the usual one of its kind. */
  port?: number | null | undefined;
  /** Command that runs it, at most 4096 characters, split as in a shell but not run by one. Null: the one of its recipe. */
  runCommand?: string | null | undefined;
  /** Services, at most 32. Null: those found in its folder. */
  services?: Array<AddServiceInput> | null | undefined;
};

/** A service of an instance to add. */
export type AddServiceInput = {
  /** `napcat`, `nonebot` (or `nonebot-ada`), or another name of lower-case letters, digits, `-`, `.`. */
  name: string;
  /** Folder. Null: the folder of the same name in the instance's folder. */
  path?: string | null | undefined;
  /** TCP port it listens on, 1-65535. Null: the one in its configuration, else its usual one. */
  port?: number | null | undefined;
  /** Command that runs it, at most 4096 characters, split as in a shell but not run by one. Null: the one of its recipe. */
  runCommand?: string | null | undefined;
};

/** Why a backup was made. */
export type BackupReason =
  /** A user requested it. */
  | 'MANUAL'
  /** Made before another backup was restored. */
  | 'RESTORE'
  /** Made by an upgrade before its first change. */
  | 'UPGRADE';

/** What to do to a value in a text. */
export type ConfigAction =
  /** It is an element of an array: add a copy at the array's end. */
  | 'REPEAT'
  /** Set it; missing tables are created. */
  | 'SET'
  /** Remove it; a missing one is not an error. */
  | 'UNSET';

/** A change of one value in a text. */
export type ConfigEditInput = {
  /** What to do. */
  action: ConfigAction;
  /** Path of keys and, in arrays, indices from 0: `["api", "hosts", "0"]`. At most 64 steps. */
  path: Array<string>;
  /** The value to set. Null is allowed in JSON files only. */
  value?: unknown;
};

/** Format of a configuration file. */
export type ConfigKind =
  /** `NAME=value` lines, as python-dotenv reads them. */
  | 'ENV'
  /** JSON with an object at the top. */
  | 'JSON'
  /** TOML. */
  | 'TOML';

/** Who has changed a part of a text. */
export type ConfigOrigin =
  /** Both, in the same way. */
  | 'BOTH'
  /** Both, each in another way. */
  | 'CONFLICT'
  /** The given text. */
  | 'MINE'
  /** Nobody. */
  | 'SAME'
  /** The file. */
  | 'THEIRS';

/** What kind of value a configuration file has in a place. */
export type ConfigShape =
  /** An array with tables or arrays in it: its elements follow. */
  | 'ARRAY'
  /** `true` or `false`. */
  | 'BOOLEAN'
  /** A floating-point number. */
  | 'FLOAT'
  /** An integer. */
  | 'INTEGER'
  /** An array of plain values. */
  | 'LIST'
  /** `null`, in JSON. */
  | 'NULL'
  /** A text. */
  | 'STRING'
  /** A section or an inline table: its values follow. */
  | 'TABLE'
  /** A date, a time, or both. */
  | 'TIME';

/** Who wrote a revision of a configuration file. */
export type ConfigSource =
  /** A client, through this server. */
  | 'API'
  /** A deployment. */
  | 'DEPLOY'
  /** The bot or an editor; noticed at the next access, and whenever the bot starts or has got ready. */
  | 'DISK'
  /** A client that restored an earlier revision. */
  | 'RESTORE';

/** An emoji to create. */
export type CreateEmojiInput = {
  /** At most 64 characters. Empty: none. */
  category?: string;
  /** What the image shows, at most 4096 characters. */
  description?: string;
  /** PNG, JPEG, GIF or WebP in base64, with or without a `data:` prefix; at most 10 MiB decoded and 25 megapixels. */
  imageData: string;
  /** Id of the instance. */
  instanceId: string;
  /** 1-64 characters, unique in the instance. */
  name: string;
  /** Whether it fails, with `DUPLICATE_RESOURCE`, if an emoji of the instance has the same image. */
  refuseSameImage?: boolean;
  /** At most 32 distinct tags of 1-64 characters. */
  tags?: Array<string>;
};

/** A person to create. */
export type CreatePersonInput = {
  /** HTTP(S) URL of the avatar, at most 2048 characters, or empty. */
  avatarUrl?: string;
  /** Id of the instance. */
  instanceId: string;
  /** Nickname, at most 128 characters. */
  nickname?: string;
  /** Notes about the person: any JSON object, at most 65,536 characters. Null: an empty one. */
  profile?: unknown;
  /** User id on the platform, 1-64 characters, unique in the instance. */
  userId: string;
  /** User name, at most 128 characters. */
  username?: string;
};

/** A new instance to deploy. */
export type DeployInstanceInput = {
  /** Whether the user has read and accepted the texts of `consent`. Otherwise nothing is started, until the mutation `acceptTerms`. */
  acceptTerms?: boolean;
  /** Whether to start it when the deployment is complete; requires `acceptTerms`. */
  autoStart?: boolean;
  /** 1-64 characters: letters of any script, digits, `-`, `_`, `.` and space (not at either end). Unique. */
  name: string;
  /** Folder that does not exist or is empty: an absolute path, or one that begins with `~`, the workspace. Null: a folder in the workspace, named like the instance. */
  path?: string | null | undefined;
  /** TCP port of the main program, 1-65535. Null: the first free one from the default of its recipe upwards. */
  port?: number | null | undefined;
  /** Name of the bot's recipe, one of `deployRecipes`. */
  recipe?: string;
  /** Services to install with it, at most 32, each once. Null: none. */
  services?: Array<DeployServiceInput> | null | undefined;
  /** One of `deployVersions`: a tag, a branch, or `latest`, the newest stable tag. */
  version?: string;
};

/** A service to deploy with a bot. */
export type DeployServiceInput = {
  /** One of `deployServices`, such as `napcat` or `nonebot-ada`. */
  name: string;
  /** TCP port it listens on, 1-65535. Null: the default of its recipe if free, else another free one. */
  port?: number | null | undefined;
};

/** What a deployment does. */
export type DeploymentKind =
  /** Creates an instance with the configuration and data of another. */
  | 'CLONE'
  /** Installs a new instance. */
  | 'DEPLOY'
  /** Adds services to an instance that was installed without them, see `retryDeployment`. */
  | 'SERVICES'
  /** Changes the version of an existing instance. */
  | 'UPGRADE';

/** Status of a deployment. REST has the same values in lower case. */
export type DeploymentStatus =
  /** Cancelled on request; everything it had created was removed. */
  | 'CANCELLED'
  /** Finished successfully. */
  | 'COMPLETED'
  /** Failed, see `failure`; `retryDeployment` continues it. */
  | 'FAILED'
  /** In progress. */
  | 'INSTALLING'
  /** Waiting for other deployments. */
  | 'PENDING';

/** A step of a deployment, in order of execution. */
export type DeploymentStep =
  /** Checks tools, disk space and the target folder. */
  | 'CHECK'
  /** Writes configuration, ports and consent. */
  | 'CONFIGURE'
  /** Installs the required packages. */
  | 'DEPENDENCIES'
  /** Creates a Python environment. */
  | 'ENVIRONMENT'
  /** Downloads the bot. */
  | 'FETCH'
  /** Moves everything into place and registers the instance. */
  | 'REGISTER'
  /** Installs the services. */
  | 'SERVICES'
  /** Starts the instance, if requested. */
  | 'START'
  /** Stops the instance; upgrades only. */
  | 'STOP';

/** Changes to an emoji. */
export type EmojiChangeInput = {
  /** Tags to add to those it has then; at most 32 in all. */
  addTags?: Array<string>;
  /** At most 64 characters. Empty: none. Null: unchanged. */
  category?: string | null | undefined;
  /** What the image shows, at most 4096 characters. Null: unchanged. */
  description?: string | null | undefined;
  /** Id of the emoji. */
  id: string;
  /** The `etag` that it must have, else `CONFLICT`. Null: the change is applied to whatever is there. */
  ifMatch?: string | null | undefined;
  /** 1-64 characters, unique in the instance. Null: unchanged. */
  name?: string | null | undefined;
  /** Tags to remove, case-insensitive; those it does not have are ignored. */
  removeTags?: Array<string>;
  /** At most 32 distinct tags of 1-64 characters. They replace all present tags. Null: unchanged. */
  tags?: Array<string> | null | undefined;
};

/** What kind of file something is. */
export type FileKind =
  /** A regular file. */
  | 'FILE'
  /** A folder. */
  | 'FOLDER'
  /** A symbolic link; followed only within the folder. */
  | 'LINK'
  /** A device, pipe or socket, which is never opened. */
  | 'OTHER';

/** Order of the entries of a folder. */
export type FileOrder =
  /** The last changed first. */
  | 'MODIFIED'
  /** Folders first, each by name, case ignored. */
  | 'NAME'
  /** The largest first. */
  | 'SIZE';

/** Why something is kept. */
export type KeptKind =
  /** All backups of the instance. */
  | 'BACKUPS'
  /** What a failed deployment or upgrade has made, from which `retryDeployment` goes on. */
  | 'FAILED'
  /** The version before the last upgrade, to which a rollback returns. */
  | 'FORMER';

/** How serious a line of a log is. */
export type LogLevel =
  /** `CRITICAL` and `FATAL`. */
  | 'CRITICAL'
  /** `DEBUG` and `TRACE`. */
  | 'DEBUG'
  /** `ERROR`. */
  | 'ERROR'
  /** `INFO` and `SUCCESS`. */
  | 'INFO'
  /** `WARNING` and `WARN`. */
  | 'WARNING';

/** A port to use. */
export type NewPortInput = {
  /** `main`, the name of a service, or what a further port is called, such as `webui` or `napcat.ws`. */
  name: string;
  /** TCP port, 1-65535. It must be free. */
  port: number;
};

/** Who created an emoji or a person. */
export type Origin =
  /** The bot itself; it was imported from the bot's database. */
  | 'BOT'
  /** A user of the launcher. */
  | 'USER';

/** A change that has not been pushed to the bot's database yet. */
export type PendingChange =
  /** It was added. */
  | 'ADD'
  /** It was updated. */
  | 'UPDATE';

/** Changes to a person. */
export type PersonChangeInput = {
  /** HTTP(S) URL of the avatar, at most 2048 characters, or empty. Null: unchanged. */
  avatarUrl?: string | null | undefined;
  /** Id of the person. */
  id: string;
  /** The `etag` that it must have, else `CONFLICT`. Null: the change is applied to whatever is there. */
  ifMatch?: string | null | undefined;
  /** Nickname, at most 128 characters. Null: unchanged. */
  nickname?: string | null | undefined;
  /** Merged into the profile key by key; null removes a key. Null: unchanged. */
  profile?: unknown;
  /** User id on the platform, 1-64 characters, unique in the instance. Null: unchanged. */
  userId?: string | null | undefined;
  /** User name, at most 128 characters. Null: unchanged. */
  username?: string | null | undefined;
};

/** When a program that exited on its own is restarted. */
export type Restart =
  /** After any exit that was not requested. */
  | 'ALWAYS'
  /** Never, unless it requests a restart with exit code 42. */
  | 'NO'
  /** After any exit code but 0. */
  | 'ON_FAILURE';

/** Status of an instance or a service. REST has the same values in lower case. */
export type Status =
  /** The process exited or could not be started, see `failure`. */
  | 'FAILED'
  /** A deployment is in progress. Instances only. */
  | 'INSTALLING'
  /** The process is running. */
  | 'RUNNING'
  /** The process is being started. */
  | 'STARTING'
  /** Not running, as requested. */
  | 'STOPPED'
  /** The process is being stopped. */
  | 'STOPPING';

/** Kind of change that has not been pushed to the bot yet. */
export type SyncChange =
  /** The item was added. */
  | 'ADD'
  /** The item was deleted. */
  | 'DELETE'
  /** The item was updated. */
  | 'UPDATE';

/** Kind of item that is synchronized with the bot's database. */
export type SyncKind =
  /** An emoji. */
  | 'EMOJI'
  /** A person. */
  | 'PERSON';

/** When a change will be pushed to the bot. */
export type SyncWhen =
  /** Once the bot has stopped: while running, it would undo the change. */
  | 'AT_STOP'
  /** In a moment, or with the next sync if the last one failed. */
  | 'NOW'
  /** Once the bot has created its database, which it does at its first start. */
  | 'WITH_DATABASE';

/** An emoji to update. */
export type UpdateEmojiInput = {
  /** Tags to add to those it has then; at most 32 in all. */
  addTags?: Array<string>;
  /** At most 64 characters. Empty: none. Null: unchanged. */
  category?: string | null | undefined;
  /** What the image shows, at most 4096 characters. Null: unchanged. */
  description?: string | null | undefined;
  /** Id of the emoji. */
  id: string;
  /** The `etag` that it must have, else `CONFLICT`. Null: the change is applied to whatever is there. */
  ifMatch?: string | null | undefined;
  /** Id of the instance. */
  instanceId: string;
  /** 1-64 characters, unique in the instance. Null: unchanged. */
  name?: string | null | undefined;
  /** Tags to remove, case-insensitive; those it does not have are ignored. */
  removeTags?: Array<string>;
  /** At most 32 distinct tags of 1-64 characters. They replace all present tags. Null: unchanged. */
  tags?: Array<string> | null | undefined;
};

/** A person to update. */
export type UpdatePersonInput = {
  /** HTTP(S) URL of the avatar, at most 2048 characters, or empty. Null: unchanged. */
  avatarUrl?: string | null | undefined;
  /** Id of the person. */
  id: string;
  /** The `etag` that it must have, else `CONFLICT`. Null: the change is applied to whatever is there. */
  ifMatch?: string | null | undefined;
  /** Id of the instance. */
  instanceId: string;
  /** Nickname, at most 128 characters. Null: unchanged. */
  nickname?: string | null | undefined;
  /** Merged into the profile key by key; null removes a key. Null: unchanged. */
  profile?: unknown;
  /** User id on the platform, 1-64 characters, unique in the instance. Null: unchanged. */
  userId?: string | null | undefined;
  /** User name, at most 128 characters. Null: unchanged. */
  username?: string | null | undefined;
};

/** Kind of version. */
export type VersionKind =
  /** `latest`: the newest stable release. */
  | 'ALIAS'
  /** A branch: its newest commit. */
  | 'BRANCH'
  /** A release: always the same commit. */
  | 'TAG';

/** What a program that does not work yet waits for. */
export type WaitingFor =
  /** Its automatic restart after it exited, see `failure`. */
  | 'BACKOFF'
  /** An answer in its terminal, see `question`. */
  | 'INPUT'
  /** That a person logs it in, see `reason`. */
  | 'LOGIN'
  /** The line of output that says that it is ready. */
  | 'OUTPUT'
  /** That something listens on its port; before its process runs, that its port becomes free. */
  | 'PORT'
  /** A program that has to start before it. */
  | 'PROGRAM'
  /** That its terms are accepted. */
  | 'TERMS';

export type DeploymentNowFragment = { instanceId: string, name: string, kind: DeploymentKind, status: DeploymentStatus, progress: number, step: DeploymentStep | null, message: string, version: string, createdAt: string, endedAt: string | null, activeAt: string | null, todo: Array<string>, steps: Array<{ step: DeploymentStep, progress: number, seconds: number | null }>, remaining: { leastS: number, mostS: number } | null, services: Array<{ name: string, status: DeploymentStatus, progress: number, message: string }>, failure: { step: DeploymentStep | null, code: string, message: string, lastLines: Array<string> } | null };

export type FollowDeploymentSubscriptionVariables = Exact<{
  instanceId: string;
  after?: number | null | undefined;
}>;


export type FollowDeploymentSubscription = { deploymentProgress: { cursor: number, at: string, log: Array<string>, deployment: { instanceId: string, name: string, kind: DeploymentKind, status: DeploymentStatus, progress: number, step: DeploymentStep | null, message: string, version: string, createdAt: string, endedAt: string | null, activeAt: string | null, todo: Array<string>, steps: Array<{ step: DeploymentStep, progress: number, seconds: number | null }>, remaining: { leastS: number, mostS: number } | null, services: Array<{ name: string, status: DeploymentStatus, progress: number, message: string }>, failure: { step: DeploymentStep | null, code: string, message: string, lastLines: Array<string> } | null } } };

export type CancelDeploymentMutationVariables = Exact<{
  id: string;
}>;


export type CancelDeploymentMutation = { cancelDeployment: { message: string } | null };

export type TermsQueryVariables = Exact<{
  version: string;
  recipe: string;
}>;


export type TermsQuery = { consent: { version: string, texts: Array<{ name: string, text: string }> } | null };

export type VersionsQueryVariables = Exact<{
  recipe: string;
  refresh: boolean;
}>;


export type VersionsQuery = { deployVersions: { fetchedAt: string, source: string | null, versions: Array<{ name: string, kind: VersionKind, stable: boolean, target: string | null }> } | null };

export type FailureDetailsFragment = { reason: string, at: string, exitCode: number | null, signal: string | null, lastLines: Array<string>, hint: string | null, restartAt: string | null };

export type UsageNowFragment = { cpuPercent: number, memory: number, processes: number };

export type ServiceRowFragment = { name: string, status: Status, port: number, pid: number | null, ready: boolean | null, restarts: number, startedAt: string | null, waitingFor: WaitingFor | null, question: string | null, reason: string | null, failure: { reason: string, at: string, exitCode: number | null, signal: string | null, lastLines: Array<string>, hint: string | null, restartAt: string | null } | null, usage: { cpuPercent: number, memory: number, processes: number } | null, terminal: { sessionId: string } };

export type InstanceRowFragment = { id: string, name: string, status: Status, version: string, recipe: string, port: number, pid: number | null, path: string, ready: boolean | null, restarts: number, startedAt: string | null, waitingFor: WaitingFor | null, question: string | null, reason: string | null, notes: string, tags: Array<string>, failure: { reason: string, at: string, exitCode: number | null, signal: string | null, lastLines: Array<string>, hint: string | null, restartAt: string | null } | null, usage: { cpuPercent: number, memory: number, processes: number } | null, services: Array<{ name: string, status: Status, port: number, pid: number | null, ready: boolean | null, restarts: number, startedAt: string | null, waitingFor: WaitingFor | null, question: string | null, reason: string | null, failure: { reason: string, at: string, exitCode: number | null, signal: string | null, lastLines: Array<string>, hint: string | null, restartAt: string | null } | null, usage: { cpuPercent: number, memory: number, processes: number } | null, terminal: { sessionId: string } }>, terminals: Array<{ sessionId: string, name: string }>, webPages: Array<{ program: string, port: number, url: string }>, deployment: { kind: DeploymentKind, status: DeploymentStatus, progress: number, step: DeploymentStep | null, message: string, failure: { message: string, lastLines: Array<string> } | null } | null, supervision: { restart: Restart, crashLimit: number, crashWindowS: number, stopTimeoutS: number | null, autostart: boolean } };

export type InstancesQueryVariables = Exact<{ [key: string]: never; }>;


export type InstancesQuery = { instances: Array<{ id: string, name: string, status: Status, version: string, recipe: string, port: number, pid: number | null, path: string, ready: boolean | null, restarts: number, startedAt: string | null, waitingFor: WaitingFor | null, question: string | null, reason: string | null, notes: string, tags: Array<string>, failure: { reason: string, at: string, exitCode: number | null, signal: string | null, lastLines: Array<string>, hint: string | null, restartAt: string | null } | null, usage: { cpuPercent: number, memory: number, processes: number } | null, services: Array<{ name: string, status: Status, port: number, pid: number | null, ready: boolean | null, restarts: number, startedAt: string | null, waitingFor: WaitingFor | null, question: string | null, reason: string | null, failure: { reason: string, at: string, exitCode: number | null, signal: string | null, lastLines: Array<string>, hint: string | null, restartAt: string | null } | null, usage: { cpuPercent: number, memory: number, processes: number } | null, terminal: { sessionId: string } }>, terminals: Array<{ sessionId: string, name: string }>, webPages: Array<{ program: string, port: number, url: string }>, deployment: { kind: DeploymentKind, status: DeploymentStatus, progress: number, step: DeploymentStep | null, message: string, failure: { message: string, lastLines: Array<string> } | null } | null, supervision: { restart: Restart, crashLimit: number, crashWindowS: number, stopTimeoutS: number | null, autostart: boolean } }> };

export type InstanceChangedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type InstanceChangedSubscription = { instanceChanged: { id: string, instance: { id: string, name: string, status: Status, version: string, recipe: string, port: number, pid: number | null, path: string, ready: boolean | null, restarts: number, startedAt: string | null, waitingFor: WaitingFor | null, question: string | null, reason: string | null, notes: string, tags: Array<string>, failure: { reason: string, at: string, exitCode: number | null, signal: string | null, lastLines: Array<string>, hint: string | null, restartAt: string | null } | null, usage: { cpuPercent: number, memory: number, processes: number } | null, services: Array<{ name: string, status: Status, port: number, pid: number | null, ready: boolean | null, restarts: number, startedAt: string | null, waitingFor: WaitingFor | null, question: string | null, reason: string | null, failure: { reason: string, at: string, exitCode: number | null, signal: string | null, lastLines: Array<string>, hint: string | null, restartAt: string | null } | null, usage: { cpuPercent: number, memory: number, processes: number } | null, terminal: { sessionId: string } }>, terminals: Array<{ sessionId: string, name: string }>, webPages: Array<{ program: string, port: number, url: string }>, deployment: { kind: DeploymentKind, status: DeploymentStatus, progress: number, step: DeploymentStep | null, message: string, failure: { message: string, lastLines: Array<string> } | null } | null, supervision: { restart: Restart, crashLimit: number, crashWindowS: number, stopTimeoutS: number | null, autostart: boolean } } | null } };

export type UsageChangedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type UsageChangedSubscription = { usageChanged: Array<{ sessionId: string, usage: { cpuPercent: number, memory: number, processes: number } }> };

export type MachineNowFragment = { at: string, cpu: { usage: number, cores: number }, memory: { total: number, used: number, usagePercent: number }, disk: { total: number, free: number, usagePercent: number }, network: { sentPerSecond: number, receivedPerSecond: number } };

export type MachineSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type MachineSubscription = { systemMetrics: { at: string, cpu: { usage: number, cores: number }, memory: { total: number, used: number, usagePercent: number }, disk: { total: number, free: number, usagePercent: number }, network: { sentPerSecond: number, receivedPerSecond: number } } };

export type DatabaseNowFragment = { system: string, place: string, version: string | null, answerMs: number | null };

export type DatabaseQueryVariables = Exact<{ [key: string]: never; }>;


export type DatabaseQuery = { systemDatabase: { system: string, place: string, version: string | null, answerMs: number | null } };

export type HealthQueryVariables = Exact<{ [key: string]: never; }>;


export type HealthQuery = { systemHealth: { version: string, uptime: number, machine: { system: string, release: string } } };

export type EventRowFragment = { id: string, at: string, instanceId: string | null, kind: string, caller: string, message: string, sessionId: string | null, offset: number | null };

export type LatestEventsQueryVariables = Exact<{
  last: number;
  before?: string | null | undefined;
}>;


export type LatestEventsQuery = { events: { edges: Array<{ cursor: string, node: { id: string, at: string, instanceId: string | null, kind: string, caller: string, message: string, sessionId: string | null, offset: number | null } }>, pageInfo: { hasNextPage: boolean } } | null };

export type EventsSinceSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type EventsSinceSubscription = { events: { id: string, at: string, instanceId: string | null, kind: string, caller: string, message: string, sessionId: string | null, offset: number | null } };

export type UsageOfQueryVariables = Exact<{
  begin: string;
  end?: string | null | undefined;
  sessionId?: string | null | undefined;
}>;


export type UsageOfQuery = { usageHistory: { stepS: number, at: Array<string>, cpu: { mean: Array<number>, most: Array<number> }, memory: { mean: Array<number>, most: Array<number> } } | null };

export type OffersQueryVariables = Exact<{ [key: string]: never; }>;


export type OffersQuery = { deployRecipes: { recipes: Array<{ name: string, title: string, description: string, spaceMb: number }>, problems: Array<{ file: string, problem: string }> }, deployServices: Array<{ name: string, title: string, description: string, spaceMb: number }> };

export type DeployPreviewQueryVariables = Exact<{
  input: DeployInstanceInput;
}>;


export type DeployPreviewQuery = { deployPreview: { name: string, path: string, version: string, spaceNeeded: number, spaceFree: number, ports: Array<{ name: string, port: number }>, duration: { leastS: number, mostS: number }, problems: Array<{ field: string | null, message: string, port: number | null }> } | null };

export type DeployMutationVariables = Exact<{
  input: DeployInstanceInput;
}>;


export type DeployMutation = { deployInstance: { message: string, deployment: { instanceId: string } } | null };

export type DeploymentsQueryVariables = Exact<{ [key: string]: never; }>;


export type DeploymentsQuery = { deployments: Array<{ instanceId: string, name: string, kind: DeploymentKind, status: DeploymentStatus, progress: number, version: string, message: string, createdAt: string, endedAt: string | null }> };

export type AddPreviewQueryVariables = Exact<{
  input: AddInstanceInput;
}>;


export type AddPreviewQuery = { addPreview: { path: string, name: string, recipe: string, version: string, remarks: Array<string>, programs: Array<{ name: string, title: string, path: string, port: number | null, command: string | null, problem: string | null }>, problems: Array<{ field: string | null, message: string }> } | null };

export type AddInstanceMutationVariables = Exact<{
  input: AddInstanceInput;
}>;


export type AddInstanceMutation = { addInstance: { message: string, instance: { id: string } } | null };

export type TileFragment = { id: string, name: string, tags: Array<string>, category: string, imageUrl: string, thumbnailUrl: string, origin: Origin, pendingChange: PendingChange | null, small: string, large: string };

export type EmojiPageQueryVariables = Exact<{
  id: string;
  after?: string | null | undefined;
  skip: number;
  first: number;
  count: boolean;
  text?: string | null | undefined;
  tags?: Array<string> | string | null | undefined;
  category?: string | null | undefined;
}>;


export type EmojiPageQuery = { instance: { emojis: { totalCount?: number, edges: Array<{ cursor: string, node: { id: string, name: string, tags: Array<string>, category: string, imageUrl: string, thumbnailUrl: string, origin: Origin, pendingChange: PendingChange | null, small: string, large: string } }> } } | null };

export type EmojiFacetsQueryVariables = Exact<{
  id: string;
  text?: string | null | undefined;
  tags?: Array<string> | string | null | undefined;
  category?: string | null | undefined;
}>;


export type EmojiFacetsQuery = { instance: { emojis: { facets: { tags: Array<{ value: string, count: number }>, categories: Array<{ value: string, count: number }> } } } | null };

export type EmojiDetailQueryVariables = Exact<{
  instanceId: string;
  id: string;
}>;


export type EmojiDetailQuery = { emoji: { description: string, etag: string, createdAt: string, updatedAt: string, id: string, name: string, tags: Array<string>, category: string, imageUrl: string, thumbnailUrl: string, origin: Origin, pendingChange: PendingChange | null, small: string, large: string, imageSize: { bytes: number, width: number | null, height: number | null } | null, learned: { usage: number } | null } | null };

export type AddEmojiMutationVariables = Exact<{
  input: CreateEmojiInput;
}>;


export type AddEmojiMutation = { createEmoji: { message: string, emoji: { name: string } } | null };

export type EditEmojiMutationVariables = Exact<{
  input: UpdateEmojiInput;
}>;


export type EditEmojiMutation = { updateEmoji: { message: string } | null };

export type EditEmojisMutationVariables = Exact<{
  instanceId: string;
  emojis: Array<EmojiChangeInput> | EmojiChangeInput;
}>;


export type EditEmojisMutation = { updateEmojis: { message: string } | null };

export type DeleteEmojisMutationVariables = Exact<{
  instanceId: string;
  ids: Array<string> | string;
  fromBot: boolean;
}>;


export type DeleteEmojisMutation = { deletion: { undoableForS: number | null } | null };

export type RestoreEmojisMutationVariables = Exact<{
  instanceId: string;
  ids: Array<string> | string;
}>;


export type RestoreEmojisMutation = { restoreEmojis: { message: string } | null };

export type FolderQueryVariables = Exact<{
  id: string;
  path: string;
  order: FileOrder;
  query: string;
  after?: string | null | undefined;
}>;


export type FolderQuery = { folder: { total: number, more: boolean, cursor: string | null, truncated: boolean, entries: Array<{ name: string, path: string, kind: FileKind, size: number, modifiedAt: string, target: string | null, targetKind: FileKind | null, mounted: boolean }> } | null };

export type FileRowFragment = { name: string, path: string, kind: FileKind, size: number, modifiedAt: string, target: string | null, targetKind: FileKind | null, mounted: boolean };

export type FileTextQueryVariables = Exact<{
  id: string;
  path: string;
}>;


export type FileTextQuery = { fileText: { text: string, etag: string } | null };

export type CreateFileMutationVariables = Exact<{
  id: string;
  path: string;
}>;


export type CreateFileMutation = { writeFileText: { message: string } | null };

export type WriteFileTextMutationVariables = Exact<{
  id: string;
  path: string;
  text: string;
  ifMatch?: string | null | undefined;
}>;


export type WriteFileTextMutation = { writeFileText: { message: string, written: { etag: string } } | null };

export type CreateFolderMutationVariables = Exact<{
  id: string;
  path: string;
}>;


export type CreateFolderMutation = { createFolder: { message: string } | null };

export type RenameFileMutationVariables = Exact<{
  id: string;
  path: string;
  newPath: string;
}>;


export type RenameFileMutation = { renameFile: { message: string } | null };

export type DeleteFileMutationVariables = Exact<{
  id: string;
  path: string;
  recursive: boolean;
}>;


export type DeleteFileMutation = { deleteFile: { message: string } | null };

export type EventsBetweenQueryVariables = Exact<{
  instanceId: string;
  begin: string;
  end: string;
}>;


export type EventsBetweenQuery = { events: { edges: Array<{ node: { id: string, at: string, instanceId: string | null, kind: string, caller: string, message: string, sessionId: string | null, offset: number | null } }> } | null };

export type StartMutationVariables = Exact<{
  id: string;
}>;


export type StartMutation = { startInstance: { message: string, complete: boolean } | null };

export type StopMutationVariables = Exact<{
  id: string;
}>;


export type StopMutation = { stopInstance: { message: string, complete: boolean } | null };

export type RestartMutationVariables = Exact<{
  id: string;
}>;


export type RestartMutation = { restartInstance: { message: string, complete: boolean } | null };

export type KillMutationVariables = Exact<{
  id: string;
}>;


export type KillMutation = { killInstance: { message: string, complete: boolean } | null };

export type RestartServiceMutationVariables = Exact<{
  id: string;
  name: string;
}>;


export type RestartServiceMutation = { restartService: { message: string, complete: boolean } | null };

export type StartServiceMutationVariables = Exact<{
  id: string;
  name: string;
}>;


export type StartServiceMutation = { startService: { message: string, complete: boolean } | null };

export type StopServiceMutationVariables = Exact<{
  id: string;
  name: string;
}>;


export type StopServiceMutation = { stopService: { message: string, complete: boolean } | null };

export type AcceptTermsMutationVariables = Exact<{
  id: string;
}>;


export type AcceptTermsMutation = { acceptTerms: { message: string } | null };

export type SuperviseMutationVariables = Exact<{
  id: string;
  restart?: Restart | null | undefined;
  autostart?: boolean | null | undefined;
  crashLimit?: number | null | undefined;
  crashWindowS?: number | null | undefined;
}>;


export type SuperviseMutation = { superviseInstance: { message: string } | null };

export type EditMutationVariables = Exact<{
  id: string;
  name?: string | null | undefined;
  notes?: string | null | undefined;
  tags?: Array<string> | string | null | undefined;
}>;


export type EditMutation = { editInstance: { message: string } | null };

export type DeleteMutationVariables = Exact<{
  id: string;
  files: boolean;
}>;


export type DeleteMutation = { deleteInstance: { message: string, complete: boolean } | null };

export type RetryDeploymentMutationVariables = Exact<{
  id: string;
}>;


export type RetryDeploymentMutation = { retryDeployment: { message: string } | null };

export type TakenPortsOfQueryVariables = Exact<{
  id: string;
  failed: boolean;
}>;


export type TakenPortsOfQuery = { takenPorts?: Array<{ name: string, port: number, owner: string, free: number | null }> | null };

export type ServicesOfQueryVariables = Exact<{
  id: string;
}>;


export type ServicesOfQuery = { instance: { hostedServices: Array<string>, missingServices: Array<string>, deployment: { kind: DeploymentKind, status: DeploymentStatus, failure: { message: string } | null } | null } | null };

export type TakenPortFragment = { name: string, port: number, owner: string, free: number | null };

export type MovePortsMutationVariables = Exact<{
  id: string;
  ports?: Array<NewPortInput> | NewPortInput | null | undefined;
}>;


export type MovePortsMutation = { movePorts: { message: string, restartNeeded: boolean, ports: Array<{ name: string, former: number, port: number }> } | null };

export type ConfigFilesQueryVariables = Exact<{
  id: string;
}>;


export type ConfigFilesQuery = { configFiles: Array<{ name: string, path: string, kind: ConfigKind, component: string, exists: boolean, restart: boolean }> | null };

export type ConfigEtagQueryVariables = Exact<{
  id: string;
  name: string;
}>;


export type ConfigEtagQuery = { configFile: { etag: string, exists: boolean } | null };

export type ConfigTextQueryVariables = Exact<{
  id: string;
  name: string;
}>;


export type ConfigTextQuery = { configFile: { etag: string, exists: boolean, text: string } | null };

export type ConfigDraftQueryVariables = Exact<{
  id: string;
  name: string;
  text: string;
}>;


export type ConfigDraftQuery = { configDraft: { etag: string, valueCount: number, hidden: unknown, fixed: Array<string>, changedKeys: Array<string>, restartNeeded: boolean, problem: { message: string, line: number | null, column: number | null } | null, values: Array<{ path: Array<string>, shape: ConfigShape, value: unknown, comment: string, secret: boolean, line: number, start: number, end: number }> } | null };

export type ConfigDiffQueryVariables = Exact<{
  id: string;
  name: string;
  text: string;
}>;


export type ConfigDiffQuery = { configDraft: { etag: string, diff: string | null } | null };

export type EditConfigTextQueryVariables = Exact<{
  id: string;
  name: string;
  text: string;
  edits: Array<ConfigEditInput> | ConfigEditInput;
}>;


export type EditConfigTextQuery = { editConfigText: string | null };

export type MergeConfigTextQueryVariables = Exact<{
  id: string;
  name: string;
  base: string;
  text: string;
}>;


export type MergeConfigTextQuery = { mergeConfigText: { etag: string, text: string, parts: Array<{ origin: ConfigOrigin, base: { first: number, last: number, shown: string }, mine: { first: number, last: number, shown: string }, theirs: { first: number, last: number, shown: string } }> } | null };

export type SearchConfigQueryVariables = Exact<{
  id: string;
  text: string;
}>;


export type SearchConfigQuery = { searchConfig: { total: number, hits: Array<{ file: string, value: { path: Array<string>, line: number, comment: string } }>, unread: Array<{ name: string, reason: string }> } | null };

export type ConfigRevisionsQueryVariables = Exact<{
  id: string;
  name: string;
  before?: string | null | undefined;
}>;


export type ConfigRevisionsQuery = { configFile: { revisions: Array<{ id: string, at: string, source: ConfigSource, caller: string, size: number, etag: string }> | null } | null };

export type ConfigRevisionDiffQueryVariables = Exact<{
  id: string;
  name: string;
  revision: string;
}>;


export type ConfigRevisionDiffQuery = { configRevision: { diff: string | null } | null };

export type WriteConfigTextMutationVariables = Exact<{
  id: string;
  name: string;
  text: string;
  etag: string;
}>;


export type WriteConfigTextMutation = { writeConfigText: { message: string, restartNeeded: boolean, file: { etag: string, exists: boolean, text: string, revisions: Array<{ id: string }> | null } } | null };

export type RestoreConfigMutationVariables = Exact<{
  id: string;
  name: string;
  revision: string;
  etag: string;
}>;


export type RestoreConfigMutation = { restoreConfig: { message: string, restartNeeded: boolean, file: { etag: string, exists: boolean, text: string, revisions: Array<{ id: string }> | null } } | null };

export type DoorsQueryVariables = Exact<{
  id: string;
}>;


export type DoorsQuery = { instance: { webPages: Array<{ program: string, port: number, url: string, listening: boolean }> } | null };

export type DoorTokensQueryVariables = Exact<{
  id: string;
}>;


export type DoorTokensQuery = { instance: { webPages: Array<{ program: string, token: string | null }> } | null };

export type UpgradePreviewQueryVariables = Exact<{
  id: string;
  version: string;
}>;


export type UpgradePreviewQuery = { upgradePreview: { version: string, spaceNeeded: number, spaceFree: number, terms: Array<string>, todo: Array<string>, duration: { leastS: number, mostS: number }, downtime: { leastS: number, mostS: number } | null, problems: Array<{ code: string, field: string | null, message: string }> } | null };

export type UpgradeMutationVariables = Exact<{
  id: string;
  version: string;
  acceptTerms: boolean;
  force: boolean;
}>;


export type UpgradeMutation = { upgradeInstance: { message: string } | null };

export type RollBackMutationVariables = Exact<{
  id: string;
}>;


export type RollBackMutation = { rollbackInstance: { message: string } | null };

export type KeptQueryVariables = Exact<{
  id: string;
}>;


export type KeptQuery = { keptFiles: Array<{ kind: KeptKind, path: string, size: number, version: string }> };

export type DropKeptMutationVariables = Exact<{
  id: string;
  kinds: Array<KeptKind> | KeptKind;
}>;


export type DropKeptMutation = { dropKeptFiles: { message: string } | null };

export type BackupsQueryVariables = Exact<{
  id: string;
}>;


export type BackupsQuery = { instance: { backups: Array<{ id: string, at: string, size: number, reason: BackupReason, version: string, skipped: Array<string> }> } | null };

export type BackUpMutationVariables = Exact<{
  id: string;
}>;


export type BackUpMutation = { createBackup: { message: string } | null };

export type RestoreBackupMutationVariables = Exact<{
  id: string;
  backupId: string;
  force: boolean;
}>;


export type RestoreBackupMutation = { restoreBackup: { message: string } | null };

export type DeleteBackupMutationVariables = Exact<{
  id: string;
  backupId: string;
}>;


export type DeleteBackupMutation = { deleteBackup: { message: string } | null };

export type CloneMutationVariables = Exact<{
  id: string;
  name: string;
  path?: string | null | undefined;
  port?: number | null | undefined;
  backupId?: string | null | undefined;
  force: boolean;
}>;


export type CloneMutation = { cloneInstance: { message: string, deployment: { instanceId: string } } | null };

export type OutcomeFragment = { instanceId: string, message: string, error: { code: string } | null };

export type StartManyMutationVariables = Exact<{
  ids: Array<string> | string;
}>;


export type StartManyMutation = { startInstances: { results: Array<{ instanceId: string, message: string, error: { code: string } | null }> } | null };

export type StopManyMutationVariables = Exact<{
  ids: Array<string> | string;
}>;


export type StopManyMutation = { stopInstances: { results: Array<{ instanceId: string, message: string, error: { code: string } | null }> } | null };

export type RestartManyMutationVariables = Exact<{
  ids: Array<string> | string;
}>;


export type RestartManyMutation = { restartInstances: { results: Array<{ instanceId: string, message: string, error: { code: string } | null }> } | null };

export type UpgradeManyMutationVariables = Exact<{
  ids: Array<string> | string;
}>;


export type UpgradeManyMutation = { upgradeInstances: { results: Array<{ instanceId: string, message: string, error: { code: string } | null }> } | null };

export type BackUpManyMutationVariables = Exact<{
  ids: Array<string> | string;
}>;


export type BackUpManyMutation = { createBackups: { results: Array<{ instanceId: string, message: string, error: { code: string } | null }> } | null };

export type DeploymentProgressSubscriptionVariables = Exact<{
  instanceId: string;
}>;


export type DeploymentProgressSubscription = { deploymentProgress: { deployment: { status: DeploymentStatus, progress: number, message: string } } };

export type PersonRowFragment = { id: string, userId: string, username: string, nickname: string, avatarUrl: string, profile: unknown, etag: string, updatedAt: string, origin: Origin, pendingChange: PendingChange | null };

export type PersonPageQueryVariables = Exact<{
  id: string;
  after?: string | null | undefined;
  skip: number;
  first: number;
  count: boolean;
  text?: string | null | undefined;
}>;


export type PersonPageQuery = { instance: { persons: { totalCount?: number, edges: Array<{ cursor: string, node: { id: string, userId: string, username: string, nickname: string, avatarUrl: string, profile: unknown, etag: string, updatedAt: string, origin: Origin, pendingChange: PendingChange | null } }> } } | null };

export type PersonDetailQueryVariables = Exact<{
  instanceId: string;
  id: string;
}>;


export type PersonDetailQuery = { person: { createdAt: string, id: string, userId: string, username: string, nickname: string, avatarUrl: string, profile: unknown, etag: string, updatedAt: string, origin: Origin, pendingChange: PendingChange | null, learned: { platform: string, times: number, knownSince: string | null, lastKnown: string | null, memory: string } | null } | null };

export type AddPersonMutationVariables = Exact<{
  input: CreatePersonInput;
}>;


export type AddPersonMutation = { createPerson: { message: string } | null };

export type EditPersonMutationVariables = Exact<{
  input: UpdatePersonInput;
}>;


export type EditPersonMutation = { updatePerson: { message: string } | null };

export type EditPersonsMutationVariables = Exact<{
  instanceId: string;
  persons: Array<PersonChangeInput> | PersonChangeInput;
}>;


export type EditPersonsMutation = { updatePersons: { message: string, persons: Array<{ etag: string }>, former: Array<{ id: string, username: string, nickname: string, avatarUrl: string, profile: unknown }> } | null };

export type UndoEditsMutationVariables = Exact<{
  instanceId: string;
  persons: Array<PersonChangeInput> | PersonChangeInput;
}>;


export type UndoEditsMutation = { updatePersons: { persons: Array<{ id: string }> } | null };

export type DeletePersonsMutationVariables = Exact<{
  instanceId: string;
  ids: Array<string> | string;
  fromBot: boolean;
}>;


export type DeletePersonsMutation = { deletion: { undoableForS: number | null } | null };

export type RestorePersonsMutationVariables = Exact<{
  instanceId: string;
  ids: Array<string> | string;
}>;


export type RestorePersonsMutation = { restorePersons: { message: string } | null };

export type SyncStatusQueryVariables = Exact<{
  id: string;
}>;


export type SyncStatusQuery = { instance: { syncStatus: { database: boolean, family: string | null, problem: string | null, emojisInBot: number, personsInBot: number, pending: number, lastSync: string | null, lastError: string | null, changes: Array<{ kind: SyncKind, id: string, name: string, change: SyncChange, when: SyncWhen }>, problems: Array<{ kind: SyncKind, name: string, code: string | null, message: string }> } } | null };

export type SynchronizeMutationVariables = Exact<{
  id: string;
}>;


export type SynchronizeMutation = { syncResources: { message: string, complete: boolean } | null };

export type SearchLogsSubscriptionVariables = Exact<{
  text: string;
  regex: boolean;
  caseSensitive: boolean;
  wholeWord: boolean;
  level?: LogLevel | null | undefined;
  begin?: string | null | undefined;
  end?: string | null | undefined;
  instanceId?: string | null | undefined;
  sessionId?: string | null | undefined;
  first: number;
}>;


export type SearchLogsSubscription = { terminalMatches: { sessionId: string, offset: number, line: string } };

export type TerminalPartQueryVariables = Exact<{
  sessionId: string;
  before: number;
  bytes: number;
}>;


export type TerminalPartQuery = { terminal: { oldest: number, end: number } | null, terminalLog: { data: string, offset: number, end: number } | null };

export type TerminalEndQueryVariables = Exact<{
  sessionId: string;
}>;


export type TerminalEndQuery = { terminal: { end: number } | null };

export type LogPartQueryVariables = Exact<{
  sessionId: string;
  before?: number | null | undefined;
  after?: number | null | undefined;
  since?: string | null | undefined;
  bytes: number;
}>;


export type LogPartQuery = { terminalLog: { data: string, offset: number, end: number } | null };

export type CrashesQueryVariables = Exact<{
  instanceId: string;
}>;


export type CrashesQuery = { events: { edges: Array<{ node: { sessionId: string | null, offset: number | null } }> } | null };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const DeploymentNowFragmentDoc = new TypedDocumentString(`
    fragment DeploymentNow on Deployment {
  instanceId
  name
  kind
  status
  progress
  step
  message
  version
  createdAt
  endedAt
  activeAt
  todo
  steps {
    step
    progress
    seconds
  }
  remaining {
    leastS
    mostS
  }
  services {
    name
    status
    progress
    message
  }
  failure {
    step
    code
    message
    lastLines
  }
}
    `, {"fragmentName":"DeploymentNow"}) as unknown as TypedDocumentString<DeploymentNowFragment, unknown>;
export const FailureDetailsFragmentDoc = new TypedDocumentString(`
    fragment FailureDetails on Failure {
  reason
  at
  exitCode
  signal
  lastLines
  hint
  restartAt
}
    `, {"fragmentName":"FailureDetails"}) as unknown as TypedDocumentString<FailureDetailsFragment, unknown>;
export const UsageNowFragmentDoc = new TypedDocumentString(`
    fragment UsageNow on Usage {
  cpuPercent
  memory
  processes
}
    `, {"fragmentName":"UsageNow"}) as unknown as TypedDocumentString<UsageNowFragment, unknown>;
export const ServiceRowFragmentDoc = new TypedDocumentString(`
    fragment ServiceRow on Service {
  name
  status
  port
  pid
  ready
  restarts
  startedAt
  waitingFor
  question
  reason
  failure {
    ...FailureDetails
  }
  usage {
    ...UsageNow
  }
  terminal {
    sessionId
  }
}
    fragment FailureDetails on Failure {
  reason
  at
  exitCode
  signal
  lastLines
  hint
  restartAt
}
fragment UsageNow on Usage {
  cpuPercent
  memory
  processes
}`, {"fragmentName":"ServiceRow"}) as unknown as TypedDocumentString<ServiceRowFragment, unknown>;
export const InstanceRowFragmentDoc = new TypedDocumentString(`
    fragment InstanceRow on Instance {
  id
  name
  status
  version
  recipe
  port
  pid
  path
  ready
  restarts
  startedAt
  waitingFor
  question
  reason
  notes
  tags
  failure {
    ...FailureDetails
  }
  usage {
    ...UsageNow
  }
  services {
    ...ServiceRow
  }
  terminals {
    sessionId
    name
  }
  webPages {
    program
    port
    url
  }
  deployment {
    kind
    status
    progress
    step
    message
    failure {
      message
      lastLines
    }
  }
  supervision {
    restart
    crashLimit
    crashWindowS
    stopTimeoutS
    autostart
  }
}
    fragment FailureDetails on Failure {
  reason
  at
  exitCode
  signal
  lastLines
  hint
  restartAt
}
fragment UsageNow on Usage {
  cpuPercent
  memory
  processes
}
fragment ServiceRow on Service {
  name
  status
  port
  pid
  ready
  restarts
  startedAt
  waitingFor
  question
  reason
  failure {
    ...FailureDetails
  }
  usage {
    ...UsageNow
  }
  terminal {
    sessionId
  }
}`, {"fragmentName":"InstanceRow"}) as unknown as TypedDocumentString<InstanceRowFragment, unknown>;
export const MachineNowFragmentDoc = new TypedDocumentString(`
    fragment MachineNow on SystemMetrics {
  at
  cpu {
    usage
    cores
  }
  memory {
    total
    used
    usagePercent
  }
  disk {
    total
    free
    usagePercent
  }
  network {
    sentPerSecond
    receivedPerSecond
  }
}
    `, {"fragmentName":"MachineNow"}) as unknown as TypedDocumentString<MachineNowFragment, unknown>;
export const DatabaseNowFragmentDoc = new TypedDocumentString(`
    fragment DatabaseNow on SystemDatabase {
  system
  place
  version
  answerMs
}
    `, {"fragmentName":"DatabaseNow"}) as unknown as TypedDocumentString<DatabaseNowFragment, unknown>;
export const EventRowFragmentDoc = new TypedDocumentString(`
    fragment EventRow on Event {
  id
  at
  instanceId
  kind
  caller
  message
  sessionId
  offset
}
    `, {"fragmentName":"EventRow"}) as unknown as TypedDocumentString<EventRowFragment, unknown>;
export const TileFragmentDoc = new TypedDocumentString(`
    fragment Tile on Emoji {
  id
  name
  tags
  category
  imageUrl
  thumbnailUrl(size: 128)
  small: thumbnailUrl(size: 128, still: true)
  large: thumbnailUrl(size: 256, still: true)
  origin
  pendingChange
}
    `, {"fragmentName":"Tile"}) as unknown as TypedDocumentString<TileFragment, unknown>;
export const FileRowFragmentDoc = new TypedDocumentString(`
    fragment FileRow on FolderEntry {
  name
  path
  kind
  size
  modifiedAt
  target
  targetKind
  mounted
}
    `, {"fragmentName":"FileRow"}) as unknown as TypedDocumentString<FileRowFragment, unknown>;
export const TakenPortFragmentDoc = new TypedDocumentString(`
    fragment TakenPort on TakenPort {
  name
  port
  owner
  free
}
    `, {"fragmentName":"TakenPort"}) as unknown as TypedDocumentString<TakenPortFragment, unknown>;
export const OutcomeFragmentDoc = new TypedDocumentString(`
    fragment Outcome on InstanceResult {
  instanceId
  message
  error {
    code
  }
}
    `, {"fragmentName":"Outcome"}) as unknown as TypedDocumentString<OutcomeFragment, unknown>;
export const PersonRowFragmentDoc = new TypedDocumentString(`
    fragment PersonRow on Person {
  id
  userId
  username
  nickname
  avatarUrl
  profile
  etag
  updatedAt
  origin
  pendingChange
}
    `, {"fragmentName":"PersonRow"}) as unknown as TypedDocumentString<PersonRowFragment, unknown>;
export const FollowDeploymentDocument = {"__meta__":{"hash":"sha256:423e1595b6001eff209996dc02cf8b2aa28970cf7c8cdfd0d0d671c8811f6392"}} as unknown as TypedDocumentString<FollowDeploymentSubscription, FollowDeploymentSubscriptionVariables>;
export const CancelDeploymentDocument = {"__meta__":{"hash":"sha256:40b92f1866ceaacf0313ffd8b115e77975ecb18d7783457231a70659df9e00f9"}} as unknown as TypedDocumentString<CancelDeploymentMutation, CancelDeploymentMutationVariables>;
export const TermsDocument = {"__meta__":{"hash":"sha256:53ee6aa4fcb83123d6ad22a3f0c2047972932c800bc119cd91824b211c67fcea"}} as unknown as TypedDocumentString<TermsQuery, TermsQueryVariables>;
export const VersionsDocument = {"__meta__":{"hash":"sha256:e774a5c3e50cdbab8c965726b41eb59b1a039b6e58c95b3c253c95e3e8e9a448"}} as unknown as TypedDocumentString<VersionsQuery, VersionsQueryVariables>;
export const InstancesDocument = {"__meta__":{"hash":"sha256:5459016061876f62d12c0c5fe1692886d4d8454d5a2d61c52c3ceae67bb9ec8b"}} as unknown as TypedDocumentString<InstancesQuery, InstancesQueryVariables>;
export const InstanceChangedDocument = {"__meta__":{"hash":"sha256:2cab55aa3c6406ec56387b0c49dd011079df7894dbc55f1a1aa32b40cfe8604d"}} as unknown as TypedDocumentString<InstanceChangedSubscription, InstanceChangedSubscriptionVariables>;
export const UsageChangedDocument = {"__meta__":{"hash":"sha256:8ed11de1d1a7898797f929620618392d0b8265629e2517c7961ec0f441171bf5"}} as unknown as TypedDocumentString<UsageChangedSubscription, UsageChangedSubscriptionVariables>;
export const MachineDocument = {"__meta__":{"hash":"sha256:3bff0a2036286cd3bd5537fde1265e48ff22e6430d8b15a533f2cbffb09ce81d"}} as unknown as TypedDocumentString<MachineSubscription, MachineSubscriptionVariables>;
export const DatabaseDocument = {"__meta__":{"hash":"sha256:8a7bca33ab8acf26b645fbd716f097af90fbc8d0bf3baa210b890bce7b60cf50"}} as unknown as TypedDocumentString<DatabaseQuery, DatabaseQueryVariables>;
export const HealthDocument = {"__meta__":{"hash":"sha256:7215f7c4b01ba2e5db8f0f2908469720aca624b65eb8129d88b801e426eb2e90"}} as unknown as TypedDocumentString<HealthQuery, HealthQueryVariables>;
export const LatestEventsDocument = {"__meta__":{"hash":"sha256:57d3d3de58ee631912b28d124ab2482a605bfab90ea9f601b8408a3fc9136e10"}} as unknown as TypedDocumentString<LatestEventsQuery, LatestEventsQueryVariables>;
export const EventsSinceDocument = {"__meta__":{"hash":"sha256:98b2ed7264d8771a559d89804eedcf7a97d714cfa1f588dbe61e63d06a9bf988"}} as unknown as TypedDocumentString<EventsSinceSubscription, EventsSinceSubscriptionVariables>;
export const UsageOfDocument = {"__meta__":{"hash":"sha256:18347303b1fada60c33b678348869d2dc81907a1371abc1d6178ba291b7ce18f"}} as unknown as TypedDocumentString<UsageOfQuery, UsageOfQueryVariables>;
export const OffersDocument = {"__meta__":{"hash":"sha256:8b4648a76ce246c271bc8efb1f4d59ba7bd5a89db027e20fd0b13159330c1a1b"}} as unknown as TypedDocumentString<OffersQuery, OffersQueryVariables>;
export const DeployPreviewDocument = {"__meta__":{"hash":"sha256:a465631d80b159635ed66d4b1646508669aa533990a97165522d748d0c161693"}} as unknown as TypedDocumentString<DeployPreviewQuery, DeployPreviewQueryVariables>;
export const DeployDocument = {"__meta__":{"hash":"sha256:5930a1425128e1d496234d3ae46d1e86132cd4cb07ce44ab21c439d15921b4eb"}} as unknown as TypedDocumentString<DeployMutation, DeployMutationVariables>;
export const DeploymentsDocument = {"__meta__":{"hash":"sha256:2b28e2e79fa4e93a1ce2aea789a0dd7a5ab9671210867f044ba4fff22f461a61"}} as unknown as TypedDocumentString<DeploymentsQuery, DeploymentsQueryVariables>;
export const AddPreviewDocument = {"__meta__":{"hash":"sha256:0c26f226776b00b4cd3817a73b9fa8eaff0e37713bd1ee49cfdebce54bd0d490"}} as unknown as TypedDocumentString<AddPreviewQuery, AddPreviewQueryVariables>;
export const AddInstanceDocument = {"__meta__":{"hash":"sha256:de22f1dd500568ebdb9072621b465fe1b0a3436cf9884c1b384e49ddae33ac4d"}} as unknown as TypedDocumentString<AddInstanceMutation, AddInstanceMutationVariables>;
export const EmojiPageDocument = {"__meta__":{"hash":"sha256:c38656d7460dd601fe803eea15553d8765df16a0679c35fc0bd9f96c296a10f9"}} as unknown as TypedDocumentString<EmojiPageQuery, EmojiPageQueryVariables>;
export const EmojiFacetsDocument = {"__meta__":{"hash":"sha256:f480ac67194fc72bf30d8db9dcc4c546749abdca42c3ea699206da020cfa6caf"}} as unknown as TypedDocumentString<EmojiFacetsQuery, EmojiFacetsQueryVariables>;
export const EmojiDetailDocument = {"__meta__":{"hash":"sha256:df422b03b539a7fde4d6d45e9f7d2525056231f581bb58936a626fa203438b61"}} as unknown as TypedDocumentString<EmojiDetailQuery, EmojiDetailQueryVariables>;
export const AddEmojiDocument = {"__meta__":{"hash":"sha256:718c0c05e3148ebe0baa5923473ef3b5184df544a827cb0eea2604c5756c4fd1"}} as unknown as TypedDocumentString<AddEmojiMutation, AddEmojiMutationVariables>;
export const EditEmojiDocument = {"__meta__":{"hash":"sha256:c65b3126407ef91e21fe6675d7356db7b71b80d3a01d6b168d42ea948a10f9e4"}} as unknown as TypedDocumentString<EditEmojiMutation, EditEmojiMutationVariables>;
export const EditEmojisDocument = {"__meta__":{"hash":"sha256:7a8f887e8a47d97ffd70888eb895097056b049d242675f47327cd41f7b2d5034"}} as unknown as TypedDocumentString<EditEmojisMutation, EditEmojisMutationVariables>;
export const DeleteEmojisDocument = {"__meta__":{"hash":"sha256:7858b7fb3f2d02315495eb28a5d72c52c45452232aa77f3e11bc79ace784adc9"}} as unknown as TypedDocumentString<DeleteEmojisMutation, DeleteEmojisMutationVariables>;
export const RestoreEmojisDocument = {"__meta__":{"hash":"sha256:965c6261662114b12aad12def949ecf107fefc1f0f01f8b836d99362ab721497"}} as unknown as TypedDocumentString<RestoreEmojisMutation, RestoreEmojisMutationVariables>;
export const FolderDocument = {"__meta__":{"hash":"sha256:e7af9427fb06d875378258ca695cf3ad50eca7368e4aef3b1297507bdfe33959"}} as unknown as TypedDocumentString<FolderQuery, FolderQueryVariables>;
export const FileTextDocument = {"__meta__":{"hash":"sha256:082bc05ea9f5a10d5d920486f267916e57eaa80d9cb5b10933f06aa3424737c3"}} as unknown as TypedDocumentString<FileTextQuery, FileTextQueryVariables>;
export const CreateFileDocument = {"__meta__":{"hash":"sha256:689c31e9bd41f11b0f458ace6c4c2bd2eb35b8be7da5b93060baf672786b607b"}} as unknown as TypedDocumentString<CreateFileMutation, CreateFileMutationVariables>;
export const WriteFileTextDocument = {"__meta__":{"hash":"sha256:0b2c979131831b305d3a312e3c1f31ef8e3a402f952b1c00720dda5036f9c15a"}} as unknown as TypedDocumentString<WriteFileTextMutation, WriteFileTextMutationVariables>;
export const CreateFolderDocument = {"__meta__":{"hash":"sha256:1045e258da9732060dca35228177db88a6444592e40ec7c131c901edad110994"}} as unknown as TypedDocumentString<CreateFolderMutation, CreateFolderMutationVariables>;
export const RenameFileDocument = {"__meta__":{"hash":"sha256:c79107f9ebde3f159f3bd97d2ea7d0b71e3cd6f91b23cb17bdc84db0a3ee3691"}} as unknown as TypedDocumentString<RenameFileMutation, RenameFileMutationVariables>;
export const DeleteFileDocument = {"__meta__":{"hash":"sha256:4c969623ca87bdc96ea9959738f8862507cb282bbfcfa4edca2985df6147a467"}} as unknown as TypedDocumentString<DeleteFileMutation, DeleteFileMutationVariables>;
export const EventsBetweenDocument = {"__meta__":{"hash":"sha256:085f7e4bd00b0c0b5fd773b6d373b46b968df8bb65759e787beaa14e55c955c2"}} as unknown as TypedDocumentString<EventsBetweenQuery, EventsBetweenQueryVariables>;
export const StartDocument = {"__meta__":{"hash":"sha256:b4f719eb02c0986359fa37c992f4cc97870bc63ae9ea82a485d2ce1fb3cc6d81"}} as unknown as TypedDocumentString<StartMutation, StartMutationVariables>;
export const StopDocument = {"__meta__":{"hash":"sha256:1af7d1c447a06db3a75ae571306e81ce04bb31266f1deff92cf814f02f8c78f5"}} as unknown as TypedDocumentString<StopMutation, StopMutationVariables>;
export const RestartDocument = {"__meta__":{"hash":"sha256:bd4da1496e90c222e17104ad30411dbe347c8d39e1dfee49a9e2e4e378c6c33c"}} as unknown as TypedDocumentString<RestartMutation, RestartMutationVariables>;
export const KillDocument = {"__meta__":{"hash":"sha256:8999919cd4cfa09947fec58006724cc8258d9647152afe855a911b0221eadfcb"}} as unknown as TypedDocumentString<KillMutation, KillMutationVariables>;
export const RestartServiceDocument = {"__meta__":{"hash":"sha256:35ced664f425fcb39304f3263dd08735e64e5d2d2d5168154e1aa73aac3f3ede"}} as unknown as TypedDocumentString<RestartServiceMutation, RestartServiceMutationVariables>;
export const StartServiceDocument = {"__meta__":{"hash":"sha256:46052f6434e62525f724558e76ef215700152e3f43eee38138db94dfbfa3e385"}} as unknown as TypedDocumentString<StartServiceMutation, StartServiceMutationVariables>;
export const StopServiceDocument = {"__meta__":{"hash":"sha256:dfa770cba3277da0f700262221cf9b50d258518b58f548be2c87f699366b29ce"}} as unknown as TypedDocumentString<StopServiceMutation, StopServiceMutationVariables>;
export const AcceptTermsDocument = {"__meta__":{"hash":"sha256:2f0cd1f04fef37f5a64f97388f71edb7390b0ba111c03f23be6de588a3071fc1"}} as unknown as TypedDocumentString<AcceptTermsMutation, AcceptTermsMutationVariables>;
export const SuperviseDocument = {"__meta__":{"hash":"sha256:69f7b54585823daf6c87e02792aac88d1aaba1a116cd2ba96ab7013c352ddcea"}} as unknown as TypedDocumentString<SuperviseMutation, SuperviseMutationVariables>;
export const EditDocument = {"__meta__":{"hash":"sha256:dc01fb5baf977259d6e1b33487881d3731e93e04ed300328ce355ae58bebc18b"}} as unknown as TypedDocumentString<EditMutation, EditMutationVariables>;
export const DeleteDocument = {"__meta__":{"hash":"sha256:ae9b685198dd3d36fbde007d1f7f3d05c26dd05c9badfd6abaeacd48bc704ffa"}} as unknown as TypedDocumentString<DeleteMutation, DeleteMutationVariables>;
export const RetryDeploymentDocument = {"__meta__":{"hash":"sha256:47d82dc1715d54f2fb041fbe0d0a7461549abfbe8f5be4ac7eca4b5de0bce3d5"}} as unknown as TypedDocumentString<RetryDeploymentMutation, RetryDeploymentMutationVariables>;
export const TakenPortsOfDocument = {"__meta__":{"hash":"sha256:76b6297b533f3b8fe9131b940d01386ccde6abfb031050c3e3d28ad2001cc8f9"}} as unknown as TypedDocumentString<TakenPortsOfQuery, TakenPortsOfQueryVariables>;
export const ServicesOfDocument = {"__meta__":{"hash":"sha256:a88b36ac737a2303a944f51702d4dc851bf126d2c7f2c11816cb19eea57e2dd7"}} as unknown as TypedDocumentString<ServicesOfQuery, ServicesOfQueryVariables>;
export const MovePortsDocument = {"__meta__":{"hash":"sha256:73ad70c72e6e87730749717b8b1d85471f85f9f3fc79db896f00712580890f16"}} as unknown as TypedDocumentString<MovePortsMutation, MovePortsMutationVariables>;
export const ConfigFilesDocument = {"__meta__":{"hash":"sha256:8489d6b5959b89540d1bd8883da9dc85b499b242297cf5b5ccc2ae44eb6538b2"}} as unknown as TypedDocumentString<ConfigFilesQuery, ConfigFilesQueryVariables>;
export const ConfigEtagDocument = {"__meta__":{"hash":"sha256:ad4067f58dedf0b218f5a3081c4516c9cccb1cfb4e1fd47d2b5e67f31d55c867"}} as unknown as TypedDocumentString<ConfigEtagQuery, ConfigEtagQueryVariables>;
export const ConfigTextDocument = {"__meta__":{"hash":"sha256:18c0c368eeb805aef1444b7651195f4f59461ace9d2982e7eb7c30c959331b4e"}} as unknown as TypedDocumentString<ConfigTextQuery, ConfigTextQueryVariables>;
export const ConfigDraftDocument = {"__meta__":{"hash":"sha256:c279a6374006c03b4b72d3c4b2acf13bae9465c3c9789756aaca8cd6ffbe977a"}} as unknown as TypedDocumentString<ConfigDraftQuery, ConfigDraftQueryVariables>;
export const ConfigDiffDocument = {"__meta__":{"hash":"sha256:86d8b8d7565f83e0bc3172011614ef21c7168bcc24197c2877936934229e7714"}} as unknown as TypedDocumentString<ConfigDiffQuery, ConfigDiffQueryVariables>;
export const EditConfigTextDocument = {"__meta__":{"hash":"sha256:7a358a8a49c0279c6faf7947283c696780a943db96acd5e64641f37c297af487"}} as unknown as TypedDocumentString<EditConfigTextQuery, EditConfigTextQueryVariables>;
export const MergeConfigTextDocument = {"__meta__":{"hash":"sha256:d1da523a853845b79292f937eda1de7b3c99d2529992a232015938fe6d591cc6"}} as unknown as TypedDocumentString<MergeConfigTextQuery, MergeConfigTextQueryVariables>;
export const SearchConfigDocument = {"__meta__":{"hash":"sha256:90d7449bad9114c2868108641cb71e1c27d8876d1a72890a56772dc543ff2c4b"}} as unknown as TypedDocumentString<SearchConfigQuery, SearchConfigQueryVariables>;
export const ConfigRevisionsDocument = {"__meta__":{"hash":"sha256:74c6da5121cd441f414c8a57f877fcbd86df716ee6b2f564fc7e0b4e6f03cbe1"}} as unknown as TypedDocumentString<ConfigRevisionsQuery, ConfigRevisionsQueryVariables>;
export const ConfigRevisionDiffDocument = {"__meta__":{"hash":"sha256:d288fb9fc0cc904b2c7bcdc618c38050223540cf71df7886b232ad2f789bdbbf"}} as unknown as TypedDocumentString<ConfigRevisionDiffQuery, ConfigRevisionDiffQueryVariables>;
export const WriteConfigTextDocument = {"__meta__":{"hash":"sha256:ff43576c77939504bdc59b7d34a00d46e8142636f2da2900963d7c225beb6767"}} as unknown as TypedDocumentString<WriteConfigTextMutation, WriteConfigTextMutationVariables>;
export const RestoreConfigDocument = {"__meta__":{"hash":"sha256:1b9c644d03f9dac80ab9cf785c6dcc57a78a793722f81e46cfd47a2abcb2a1c9"}} as unknown as TypedDocumentString<RestoreConfigMutation, RestoreConfigMutationVariables>;
export const DoorsDocument = {"__meta__":{"hash":"sha256:cb84e31a36466b4e76f5d81ca1b60a0636af75db95c693ddbc6fa5d6c9d5d379"}} as unknown as TypedDocumentString<DoorsQuery, DoorsQueryVariables>;
export const DoorTokensDocument = {"__meta__":{"hash":"sha256:6d50a2fe588649cc2e9310e2c4002f35294c5b1b5607334f2fb2ba2081ebe5d4"}} as unknown as TypedDocumentString<DoorTokensQuery, DoorTokensQueryVariables>;
export const UpgradePreviewDocument = {"__meta__":{"hash":"sha256:20a2b26283d37191662cc732ef2fa2c9aafffeeba6d097edc26f9afa5854250c"}} as unknown as TypedDocumentString<UpgradePreviewQuery, UpgradePreviewQueryVariables>;
export const UpgradeDocument = {"__meta__":{"hash":"sha256:6fa385f476c50dc467eef5591d14ee71bc152de929ed6a4edec03f41cfa23857"}} as unknown as TypedDocumentString<UpgradeMutation, UpgradeMutationVariables>;
export const RollBackDocument = {"__meta__":{"hash":"sha256:442c32b2a93c3d50ea7dc26f86c909297933ac61892cb6202ca4a37d84a88bec"}} as unknown as TypedDocumentString<RollBackMutation, RollBackMutationVariables>;
export const KeptDocument = {"__meta__":{"hash":"sha256:906e14b37ae93b110c59a240103b4e29796c06b67c49721ab6f081329f3ec4a3"}} as unknown as TypedDocumentString<KeptQuery, KeptQueryVariables>;
export const DropKeptDocument = {"__meta__":{"hash":"sha256:f3dae02b73562835c45b9ba9dfa54e25a0f6c48cb9855c00b3430dcfbe4d24d3"}} as unknown as TypedDocumentString<DropKeptMutation, DropKeptMutationVariables>;
export const BackupsDocument = {"__meta__":{"hash":"sha256:b09246a19e97a4719f1138533eab226ed2cb965298eee961bb6ebf8692cdba79"}} as unknown as TypedDocumentString<BackupsQuery, BackupsQueryVariables>;
export const BackUpDocument = {"__meta__":{"hash":"sha256:54cde4413d3a339cf96a64f10cb36abccf241f92967bea9c73548644add76534"}} as unknown as TypedDocumentString<BackUpMutation, BackUpMutationVariables>;
export const RestoreBackupDocument = {"__meta__":{"hash":"sha256:2670839407480a49c1f40c525299956e7480cccd9e0b8192b65781318b6dd7ef"}} as unknown as TypedDocumentString<RestoreBackupMutation, RestoreBackupMutationVariables>;
export const DeleteBackupDocument = {"__meta__":{"hash":"sha256:5211d8f63c16fc7c9dedc91fa8fd95ae5dc67591ea55a6a484539ea46b76fdd8"}} as unknown as TypedDocumentString<DeleteBackupMutation, DeleteBackupMutationVariables>;
export const CloneDocument = {"__meta__":{"hash":"sha256:7388df6fd9384d2dfb80f441947307a568106482cdfa0f5a51b1b9b1544fdb92"}} as unknown as TypedDocumentString<CloneMutation, CloneMutationVariables>;
export const StartManyDocument = {"__meta__":{"hash":"sha256:879ff9cc955b6b50f50c50a96f27086bdfa9c3bb56abe93cc2459a3d0119ca26"}} as unknown as TypedDocumentString<StartManyMutation, StartManyMutationVariables>;
export const StopManyDocument = {"__meta__":{"hash":"sha256:38da3d8cf23efa29ad04d41669a9e1c4c720f29f953d9a330912f510f0e7934e"}} as unknown as TypedDocumentString<StopManyMutation, StopManyMutationVariables>;
export const RestartManyDocument = {"__meta__":{"hash":"sha256:b7589421fd97a1200f5e01bb7a2065c65d0abba01f8095a2206bc711206c3eb4"}} as unknown as TypedDocumentString<RestartManyMutation, RestartManyMutationVariables>;
export const UpgradeManyDocument = {"__meta__":{"hash":"sha256:4352b85afc3631a892a3613e878966d7babf4837de22d349d0130aba694af286"}} as unknown as TypedDocumentString<UpgradeManyMutation, UpgradeManyMutationVariables>;
export const BackUpManyDocument = {"__meta__":{"hash":"sha256:3fdca395807d79c6a34a448156ba4cd0c6d9f35df19418925447bb68c57311b2"}} as unknown as TypedDocumentString<BackUpManyMutation, BackUpManyMutationVariables>;
export const DeploymentProgressDocument = {"__meta__":{"hash":"sha256:b4e6fb885c7b33d84dd678ed2fd4e3621b939202df95863f5d714e0ddb1043e2"}} as unknown as TypedDocumentString<DeploymentProgressSubscription, DeploymentProgressSubscriptionVariables>;
export const PersonPageDocument = {"__meta__":{"hash":"sha256:9454fb0bed8170cc86aa734bf3557c62e5b340c91e30d13311ca46af93a2ba42"}} as unknown as TypedDocumentString<PersonPageQuery, PersonPageQueryVariables>;
export const PersonDetailDocument = {"__meta__":{"hash":"sha256:29a8485116837d3cb7ddc2f835833b3fd8102d37cb96f218261dc10b8a5a1d13"}} as unknown as TypedDocumentString<PersonDetailQuery, PersonDetailQueryVariables>;
export const AddPersonDocument = {"__meta__":{"hash":"sha256:3ec15480eed3ff34a212a090232086d212c5ad79d5da2ec0db7645004e271b7e"}} as unknown as TypedDocumentString<AddPersonMutation, AddPersonMutationVariables>;
export const EditPersonDocument = {"__meta__":{"hash":"sha256:b7ab16980147c41536e3c7723f8dbaabc20e0ceff55209559510258f50f9c4a5"}} as unknown as TypedDocumentString<EditPersonMutation, EditPersonMutationVariables>;
export const EditPersonsDocument = {"__meta__":{"hash":"sha256:15b99a9934a2b4203df48acc9b4ea3270d2e09a55b2929da07f5d8ffcff45b91"}} as unknown as TypedDocumentString<EditPersonsMutation, EditPersonsMutationVariables>;
export const UndoEditsDocument = {"__meta__":{"hash":"sha256:22373d1f2ebbcbed70ea33debfd6d28fd7d9fde09ce44016d3ecd59071487845"}} as unknown as TypedDocumentString<UndoEditsMutation, UndoEditsMutationVariables>;
export const DeletePersonsDocument = {"__meta__":{"hash":"sha256:8e2ab70c89cd0e1af03282193d46b8df86ad148c7a8eefa60663716c88ad1523"}} as unknown as TypedDocumentString<DeletePersonsMutation, DeletePersonsMutationVariables>;
export const RestorePersonsDocument = {"__meta__":{"hash":"sha256:311de926d7a2e64feedcf176f50f235bff1e22c110b9cda7c12a8de8e9d8d2c3"}} as unknown as TypedDocumentString<RestorePersonsMutation, RestorePersonsMutationVariables>;
export const SyncStatusDocument = {"__meta__":{"hash":"sha256:34723099ec38367613f714dcac201154b47c265859d6875647de594cfcf27992"}} as unknown as TypedDocumentString<SyncStatusQuery, SyncStatusQueryVariables>;
export const SynchronizeDocument = {"__meta__":{"hash":"sha256:891c8e0f71f00832bf4424d21cd70961cdeaf973de2b54571223f88bb80920aa"}} as unknown as TypedDocumentString<SynchronizeMutation, SynchronizeMutationVariables>;
export const SearchLogsDocument = {"__meta__":{"hash":"sha256:7ea3264ca7412f0b7a091b32035035e5cc268c3f13934b700db3bd4c4608699e"}} as unknown as TypedDocumentString<SearchLogsSubscription, SearchLogsSubscriptionVariables>;
export const TerminalPartDocument = {"__meta__":{"hash":"sha256:70699732725d6cd809cec9bf34b2b15d86d4332a158fd555510464d862503251"}} as unknown as TypedDocumentString<TerminalPartQuery, TerminalPartQueryVariables>;
export const TerminalEndDocument = {"__meta__":{"hash":"sha256:6c468d9aea026e946f35960243ea829228df34cbb97a436d722bd65a6d03b81d"}} as unknown as TypedDocumentString<TerminalEndQuery, TerminalEndQueryVariables>;
export const LogPartDocument = {"__meta__":{"hash":"sha256:8b5bc95d194cf1e9914cc4d689c20454671d741b15cc0d932771c6a01aa8de59"}} as unknown as TypedDocumentString<LogPartQuery, LogPartQueryVariables>;
export const CrashesDocument = {"__meta__":{"hash":"sha256:387141f12a6a24e1a1d69d06da2f46bf01dcd69c1663349dd789df456a543f03"}} as unknown as TypedDocumentString<CrashesQuery, CrashesQueryVariables>;