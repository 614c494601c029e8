/** Where the editor's workers are. The editor makes them of this address, with a Trusted Types policy of its own. */
import worker from "./worker?worker&url";

Object.assign(globalThis, { MonacoEnvironment: { getWorkerUrl: () => worker } });
