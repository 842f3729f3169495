import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Client } from '../../src/client/index.ts'
import { ScriptedServer } from './scripted-server.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function connected() {
  const server = new ScriptedServer()
  const client = new Client('http://server.example', { onDisconnect: () => {}, WebSocket: server.WebSocket })
  const socket = server.welcome()
  socket.take()
  return { server, client, socket }
}

test('what was accepted and skipped is told, and subscribed to with on the next connection', async () => {
  const { server, client, socket } = connected()
  const mix = client.mix({ tags: ['calm'], playlist: ['before'], length: 3 })
  const [subscribed] = socket.take()
  const query = { kind: 'mix', tags: ['calm'], length: 3, total: 4 }
  expect(subscribed).toEqual({ type: 'subscribe', subscription: 1, query: { ...query, playlist: ['before'] } })
  socket.say({ type: 'list', subscription: 1, sequence: 1, items: [{ item: 'one' }] })
  expect(await mix.next()).toMatchObject({ value: { items: [{ item: 'one' }] } })

  const accepted = mix.accept('one')
  const [feedback] = socket.take()
  expect(feedback).toMatchObject({ type: 'feedback', subscription: 1, song: 'one', outcome: 'accepted' })
  socket.say({ type: 'noted', subscription: 1, song: 'one', request: feedback!.request })
  await accepted
  const skipped = mix.skip('before')
  const [unanswered] = socket.take()

  server.socket.lose()
  await vi.advanceTimersByTimeAsync(100)
  const again = server.welcome()
  const [, resubscribed, resent] = again.take()
  const playlist = [
    { song: 'one', outcome: 'accepted' },
    { song: 'before', outcome: 'skipped' },
  ]
  expect(resubscribed).toEqual({ type: 'subscribe', subscription: 1, query: { ...query, playlist } })
  expect(resent).toEqual(unanswered)
  again.say({ type: 'noted', subscription: 1, song: 'before', request: unanswered!.request })
  await skipped
  await mix.return()
  expect(again.take()).toEqual([{ type: 'unsubscribe', subscription: 1 }])
  client.close()
})

test('what the server refuses for good is an error of the song', async () => {
  const { client, socket } = connected()
  const mix = client.mix({ tags: ['calm'] })
  socket.take()
  const accepted = mix.accept('one')
  const [{ request }] = socket.take() as [{ request: number }]
  socket.say({ type: 'error', code: 'bad_message', message: 'too many', request })
  await expect(accepted).rejects.toMatchObject({ code: 'bad_message' })
  client.close()
  expect(await mix.next()).toEqual({ done: true, value: undefined })
  await expect(mix.accept('one')).rejects.toThrow('the client is closed')
})

test('a song that is refused is no part of the mix, which goes on', async () => {
  const { server, client, socket } = connected()
  const mix = client.mix({ tags: ['calm'], playlist: [{ song: 'before', outcome: 'accepted' }] })
  socket.take()
  for (const song of ['', 'before']) {
    const skipped = mix.skip(song)
    const [{ request }] = socket.take() as [{ request: number }]
    // A message that is not understood is named by all the numbers that it has.
    socket.say({ type: 'error', code: 'bad_message', message: 'song: expected text', request, subscription: 1 })
    await expect(skipped).rejects.toMatchObject({ code: 'bad_message' })
  }
  socket.say({ type: 'list', subscription: 1, sequence: 1, items: [{ item: 'one' }] })
  expect(await mix.next()).toMatchObject({ value: { items: [{ item: 'one' }] } })

  server.socket.lose()
  await vi.advanceTimersByTimeAsync(100)
  const [, resubscribed] = server.welcome().take()
  expect(resubscribed).toMatchObject({ query: { playlist: [{ song: 'before', outcome: 'accepted' }] } })
  client.close()
})
