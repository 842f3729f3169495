import { parentPort } from 'node:worker_threads'
import type { ThreadReady } from './restarting-thread.ts'

/** What answers the requests of a thread. */
export interface Answering<Request, Response, Found> {
  /** What the first message says that it found. */
  readonly found: Found
  /** @throws never: what fails is an answer, too. */
  readonly answer: (request: Request) => Response
  readonly close: () => void
}

/**
 * Answers what a `RestartingThread` requests of this thread, one message for each, in order, until that closes it.
 *
 * @param open What it throws is the failure that the first message names.
 */
export function answerRequests<Request, Response, Found>(open: () => Answering<Request, Response, Found>): void {
  const port = parentPort!
  try {
    const { found, answer, close } = open()
    port.on('message', (request: Request | 'close') => {
      if (request !== 'close') return port.postMessage(answer(request))
      close()
      port.close()
    })
    port.postMessage({ found } satisfies ThreadReady<Found>)
  } catch (error) {
    port.postMessage({ failure: (error as Error).message } satisfies ThreadReady<Found>)
    port.close()
  }
}
