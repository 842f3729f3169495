/** A server that sends back what it gets, and nothing more: the most that the socket library can do under the same load. */
import uws from 'uWebSockets.js'

uws
  .App()
  .ws('/', { message: (socket, message, isBinary) => void socket.send(message, isBinary) })
  .listen('127.0.0.1', 0, socket => {
    if (!socket) throw new Error('no port is free')
    process.stdout.write(`${JSON.stringify({ port: uws.us_socket_local_port(socket as unknown as uws.us_socket) })}\n`)
  })
process.once('SIGTERM', () => process.exit(0))
