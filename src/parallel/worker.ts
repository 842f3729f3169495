/** Where every worker thread begins. */
import { setPriority } from 'node:os'
import { workerData } from 'node:worker_threads'
import { waitAt } from './barrier.ts'
import type { Job, WorkerData } from './pool.ts'

type Exports = Readonly<Record<string, unknown>>

// On Linux the priority is the thread's own. Set before any module is loaded, which is work too.
const { niceness } = workerData as WorkerData
if (niceness > 0 && process.platform === 'linux') setPriority(niceness)

/** Asking the loader for a module that it has costs more than a small job does. */
const modules = new Map<string, Exports>()

export default async function work({ module, name, args, barrier }: Job): Promise<unknown> {
  if (barrier) waitAt(barrier)
  const job = (modules.get(module) ?? (await load(module)))[name]
  if (typeof job !== 'function') throw new TypeError(`${module} exports no function ${name}`)
  return job(args)
}

async function load(module: string): Promise<Exports> {
  const exports: Exports = await import(module)
  modules.set(module, exports)
  return exports
}
