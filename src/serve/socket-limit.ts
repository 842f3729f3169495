import type { HttpResponse, TemplatedApp } from 'uWebSockets.js'

/** Counts the sockets of an app, whatever is spoken on them, and closes those beyond `most` as soon as they are taken. */
export class SocketLimit {
  /** The library tells when a socket comes and goes, but not when one goes that has become a WebSocket. */
  #http = 0
  #webSockets = 0

  constructor(app: TemplatedApp, most: number) {
    const count = (response: HttpResponse, change: number) => {
      this.#http += change
      if (change > 0 && this.#http + this.#webSockets > most) response.close()
    }
    // The declaration has an object in place of the number.
    app.filter(count as Parameters<TemplatedApp['filter']>[0])
  }

  /** A socket has become a WebSocket. */
  upgraded(): void {
    this.#http--
    this.#webSockets++
  }

  /** A WebSocket has gone. */
  webSocketClosed(): void {
    this.#webSockets--
  }
}
