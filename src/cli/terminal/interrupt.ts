import { UsageError } from '../command.ts'

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Does `work` with a signal that Ctrl-C aborts (and SIGTERM), with an error that has the right exit code. What is
 * begun is then to be undone; a second Ctrl-C ends the process at once.
 */
export async function interruptible<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController()
  const interrupt = (name: keyof typeof exitCodes) => {
    if (controller.signal.aborted) process.exit(exitCodes[name])
    controller.abort(new UsageError('interrupted: nothing was written', exitCodes[name]))
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    return await work(controller.signal)
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}
