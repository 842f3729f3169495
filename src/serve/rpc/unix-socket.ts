import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'

/**
 * Makes `server` listen at `path`, for this user only. What a server that has died left there is removed; the file goes
 * when the server closes.
 *
 * @throws Error when a live server listens there, or something that is no socket is there.
 */
export async function listenAtPath(server: Server, path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false })
  if (file) {
    if (!file.isSocket()) throw new Error(`expected ${path} to be free or a socket: it is a file of another kind`)
    if (await isAnswered(path)) throw new Error(`${path} is in use by another server`)
    rmSync(path)
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(new Error(`cannot listen at ${path}: ${error.message}`)))
    server.listen(path, resolve)
    // It listens already: `listen` binds at once, and only tells later.
    if (server.listening) chmodSync(path, 0o600)
  })
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    const answer = (value: boolean) => {
      socket.destroy()
      resolve(value)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', (error: NodeJS.ErrnoException) => answer(error.code !== 'ECONNREFUSED'))
  })
}
