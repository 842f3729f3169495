/** Where every worker thread begins. */
import { setPriority } from 'node:os'
import { workerData } from 'node:worker_threads'
import { waitAt } from './barrier.ts'
import type { Job, WorkerData } from './pool.ts'
import { portableError } from './portable-error.ts'

type Exports = Readonly<Record<string, unknown>>

// On Linux the priority is the thread's own. Set before any module is loaded, which is work too.
const { niceness } = workerData as WorkerData
if (niceness > 0 && process.platform === 'linux') setPriority(niceness)

// What ends this thread, too, must have words when it arrives. A result that no message can hold is such a case.
process.on('uncaughtException', error => {
  const isResult = error.name === 'DataCloneError'
  throw portableError(error, isResult ? `the result cannot be sent from its worker: ${error.message}` : error.message)
})

/** Asking the loader for a module that it has costs more than a small job does. */
const modules = new Map<string, Exports>()

/** @throws what {@link portableError} makes of the job's error. */
export default async function work({ module, name, args, barrier }: Job): Promise<unknown> {
  try {
    if (barrier) waitAt(barrier)
    const job = (modules.get(module) ?? (await load(module)))[name]
    if (typeof job !== 'function') throw new TypeError(`${module} exports no function ${name}`)
    return await job(args)
  } catch (error) {
    throw portableError(error)
  }
}

async function load(module: string): Promise<Exports> {
  const exports: Exports = await import(module)
  modules.set(module, exports)
  return exports
}
