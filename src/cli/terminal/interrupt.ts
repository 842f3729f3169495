import { setMaxListeners } from 'node:events'
import { UsageError } from '../command.ts'

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

type EndSignal = keyof typeof exitCodes

/**
 * Does `work` with a signal that Ctrl-C aborts (and SIGTERM), with an error that has the right exit code. What is
 * begun is then to be undone, but for what `message` says; a second Ctrl-C ends the process at once. Errors that follow from the
 * interruption become that error, but for those of `work` for the terminal.
 */
export async function interruptible<Result>(
  work: (signal: AbortSignal) => Promise<Result>,
  message = 'interrupted: nothing was written',
): Promise<Result> {
  const controller = new AbortController()
  // Each of the jobs at once listens; Node 20 warns of more than ten.
  setMaxListeners(0, controller.signal)
  const interrupt = (name: EndSignal) => {
    if (controller.signal.aborted) process.exit(exitCodes[name])
    controller.abort(new UsageError(message, exitCodes[name]))
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    return await work(controller.signal)
  } catch (error) {
    if (!(error instanceof UsageError)) controller.signal.throwIfAborted()
    throw error
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

/** The exit code of work that `signal` of {@link interruptible} has ended. */
export function exitCodeOf(signal: AbortSignal): number {
  return (signal.reason as UsageError).exitCode
}

/** The first signal to end that comes from now on. */
export interface EndSignals {
  readonly first: Promise<void>
  /** The exit code of what is interrupted by it; undefined while none has come. */
  readonly exitCode: number | undefined
}

/**
 * Waits for the first signal to end, for what ends by itself then. The next has its usual effect: it ends the process even
 * where a thread is stuck, which `process.exit` would wait for.
 */
export function endSignals(): EndSignals {
  let exitCode: number | undefined
  let settle = () => {}
  const first = new Promise<void>(resolve => {
    settle = resolve
  })
  const end = (name: EndSignal) => {
    if (exitCode !== undefined) {
      process.off('SIGINT', end).off('SIGTERM', end)
      process.kill(process.pid, name)
      return
    }
    exitCode = exitCodes[name]
    settle()
  }
  process.on('SIGINT', end).on('SIGTERM', end)
  return {
    first,
    get exitCode() {
      return exitCode
    },
  }
}
