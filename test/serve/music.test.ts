import { once } from 'node:events'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Client } from '../../src/client/client.ts'
import { RpcClient } from '../../src/client/rpc/index.ts'
import type { MethodName, ParamsInput, Results } from '../../src/protocol/methods.ts'
import type { MixedList } from '../../src/protocol/music-methods.ts'
import { RecommendError } from '../../src/recommend/errors.ts'
import type { ByteSource, Reply } from '../../src/serve/http/reply.ts'
import { openAudio } from '../../src/serve/music/audio-files.ts'
import { sendAudio } from '../../src/serve/music/audio-front.ts'
import { MixSubscription } from '../../src/serve/music/mix-subscription.ts'
import { writeSpace } from '../music/small-space.ts'
import { freshFolder } from '../storage/folder.ts'
import { addKey, revokeKey } from './keys.ts'
import { Peer } from './peer.ts'
import { type ServedModel, serveSmallModel } from './served-model.ts'
import { smallSongs } from './small-songs.ts'

let served: ServedModel
const sound = Buffer.from(Array.from({ length: 700_000 }, (_, at) => (at * 7) % 251))

beforeAll(async () => {
  served = await serveSmallModel({
    rpc: 'unix',
    music: smallSongs.map((song, at) =>
      at === 3
        ? { ...song, file: '../outside.wav' }
        : at === 4
          ? { ...song, file: 'link.wav' }
          : at === 5
            ? { ...song, file: 'notes.txt' }
            : song,
    ),
    audio(folder) {
      const root = join(folder, 'sounds')
      mkdirSync(root)
      writeFileSync(join(root, 'song 0.wav'), sound)
      writeFileSync(join(root, 'song 1.wav'), '')
      writeFileSync(join(root, 'notes.txt'), 'secret')
      writeFileSync(join(folder, 'outside.wav'), 'secret')
      symlinkSync(join(folder, 'outside.wav'), join(root, 'link.wav'))
      return root
    },
  })
  return served.close
})

async function post<Name extends MethodName>(name: Name, params: ParamsInput<Name>, key?: string) {
  const headers = key === undefined ? undefined : { authorization: `Bearer ${key}` }
  const response = await fetch(`${served.server.url}/v1/${name}`, {
    method: 'POST',
    body: JSON.stringify(params),
    ...(headers && { headers }),
  })
  return {
    status: response.status,
    body: (await response.json()) as Results[Name] & { error: { code: string; message: string } },
  }
}

const ids = ({ items }: { readonly items: readonly { readonly item: string | number }[] }) =>
  items.map(({ item }) => item)

test('info says that there is music', () => {
  expect(served.server.service.info.features).toContain('music')
})

test('all fronts give the same mix', async () => {
  const params = { tags: ['calm', { tag: 'rain', weight: 0.5 }], songs: ['i20'], energy: [0.2, 0.8], length: 6 }
  const { body } = await post('music_mix', params)
  expect(body.items.length).toBe(6)
  expect(body.items[0]!.because.map(({ kind, name }) => [kind, name])).toEqual([
    ['tag', 'calm'],
    ['tag', 'rain'],
    ['song', 'i20'],
  ])
  const rpc = await RpcClient.connect(served.server.rpc!)
  const client = new Client(served.server.url)
  for (const list of [await rpc.call('music_mix', params), await client.call('music_mix', params)]) {
    expect(list).toEqual({ ...body, list: expect.stringMatching(/^mix-/) })
    expect(list.list).not.toBe(body.list)
  }
  const byGet = await (await fetch(`${served.server.url}/v1/music_mix?tags=calm&songs=i20&length=3`)).json()
  expect(byGet.items.length).toBe(3)
  await rpc.close()
  client.close()
})

test("a user's taste is what the model and the events since say", async () => {
  const mix = async (user: string) =>
    ids((await post('music_mix', { taste: { user }, length: 5, artistGap: 1, artistShare: 1 })).body)
  const calm = await mix('0')
  expect(calm.every(item => Number(String(item).slice(1)) < 20)).toBe(true)
  expect(await post('music_mix', { taste: { user: 'new-listener' } })).toMatchObject({
    status: 400,
    body: {
      error: { code: 'bad_message', message: expect.stringContaining('the history of "new-listener" has no song') },
    },
  })
  for (const [at, item] of ['i37', 'i38', 'i39'].entries()) {
    await post('record', { id: `heard-${at}`, user: 'new-listener', item })
  }
  const lively = await mix('new-listener')
  expect(lively.every(item => Number(String(item).slice(1)) > 20)).toBe(true)
})

test.each([
  [{ tags: ['clam'] }, 404, 'unknown_tag', 'did you mean "calm"'],
  [{ songs: ['i99'] }, 404, 'unknown_item', 'there is no song "i99": did you mean'],
  [{}, 400, 'bad_message', 'expected a tag, a song, a playlist or a taste with a weight above 0, got none'],
  [{ tags: ['calm'], length: 5, minutes: 10 }, 400, 'bad_message', 'expected length or minutes, and not both'],
  [{ tags: Array(51).fill('calm') }, 400, 'bad_message', 'tags: expected at most 50 of them, got 51'],
  [{ tags: [{ tag: 'calm', weight: 0 }] }, 400, 'bad_message', 'tags[0]'],
  [{ tags: [{ tag: 'calm', weight: 1e9 }] }, 400, 'bad_message', 'tags[0]'],
  [
    { tags: ['calm'], energy: [0.5, { at: 0, energy: 1 }] },
    400,
    'bad_message',
    'expected numbers alone, or points alone',
  ],
  [{ tags: ['calm'], energy: [Number.NaN] }, 400, 'bad_message', 'energy[0]'],
  [{ tags: ['calm'], energy: 'high' }, 400, 'bad_message', 'energy: expected an array'],
  [{ tags: { calm: 1 } }, 400, 'bad_message', 'tags: expected an array'],
  [{ tags: ['calm'], length: 201 }, 400, 'bad_message', 'length: expected at most 200'],
  [{ tags: ['calm'], diversity: 2 }, 400, 'bad_message', 'diversity: expected at most 1'],
  [{ tags: ['calm'], avoid: { tags: ['clam'] } }, 404, 'unknown_tag', 'the songs have no tag "clam"'],
  [{ playlists: [{ songs: [] }] }, 400, 'bad_message', 'playlists[0].songs: expected at least 1 of them'],
])('a mix of %j is refused with the reason', async (params, status, code, message) => {
  expect(await post('music_mix', params as ParamsInput<'music_mix'>)).toMatchObject({
    status,
    body: { error: { code, message: expect.stringContaining(message) } },
  })
})

test('songs and tags are found', async () => {
  const { body: songs } = await post('music_songs', { text: 'Ártist-3 I', limit: 3 })
  expect(songs.songs.map(({ item }) => item)).toEqual(['i3', 'i13', 'i23'])
  const { body: rainy } = await post('music_songs', { tag: 'rain', limit: 2 })
  expect(rainy.songs.map(({ item }) => item)).toEqual(['i0', 'i3'])
  const { body: tags } = await post('music_tags', {})
  expect(tags.tags).toEqual([
    { tag: 'calm', songs: 40 },
    { tag: 'rock', songs: 40 },
    { tag: 'rain', songs: 14 },
  ])
  const { body: prefix } = await post('music_tags', { prefix: 'RO' })
  expect(prefix.tags.map(({ tag }) => tag)).toEqual(['rock'])
  const { body: playlist } = await post('music_tags', { playlist: ['i0', 'i3', 'none'] })
  expect(playlist.tags[0]).toMatchObject({ tag: 'calm', amount: expect.closeTo(0.97, 5) })
  expect(await post('music_tags', { song: 'none' })).toMatchObject({
    status: 404,
    body: { error: { code: 'unknown_item' } },
  })
  const { body: song } = await post('music_song', { song: 'i0', nearest: 2 })
  expect(song).toMatchObject({ item: 'i0', audio: true, energy: 0, listeners: 40 })
  expect(song.nearest.map(({ item }) => item)).toEqual(['i3', 'i6'])
  const { body: map } = await post('music_map', {})
  expect(map.items.length).toBe(40)
  for (const side of [map.x, map.y, map.tag, map.energy, map.listeners, map.titles, map.artists]) {
    expect(side.length).toBe(40)
  }
  expect(map.listeners[0]).toBe(40)
  expect(map.tags[map.tag[39]!]).toBe('rock')
})

test('a server without a song space says so', async () => {
  const bare = await serveSmallModel()
  const { server, close } = bare
  const response = await fetch(`${server.url}/v1/music_mix?tags=calm`)
  expect(response.status).toBe(501)
  expect((await response.json()).error.message).toContain('start it with --music DIR')
  expect(server.service.info.features).not.toContain('music')
  expect((await fetch(`${server.url}/music/audio/i0`)).status).toBe(404)
  await close()
})

describe('a subscribed mix', () => {
  const subscribe = (subscription: number, query: object) => ({
    type: 'subscribe',
    subscription,
    query: { kind: 'mix', ...query },
  })
  const query = { tags: ['calm'], length: 4, artistShare: 1 }

  test.each(['aurochs.v1.json', 'aurochs.v1.msgpack'] as const)(
    'changes with each song that is accepted or skipped, over %s',
    async subprotocol => {
      const peer = await Peer.greeted(served.server.url, subprotocol)
      expect(await peer.ask(subscribe(1, query))).toMatchObject({ type: 'subscribed', subscription: 1 })
      const first = await peer.next('list')
      expect(first).toMatchObject({ subscription: 1, sequence: 1, generation: served.server.service.info.generation })
      expect(first.items.length).toBe(4)
      const [song] = ids(first as never)
      const feedback = { type: 'feedback', subscription: 1, song, outcome: 'accepted' }
      expect(await peer.ask(feedback)).toMatchObject({ type: 'noted', subscription: 1, song })
      const second = await peer.next('list')
      expect(second.items[0]).toMatchObject({
        follows: { item: song },
        because: [{ kind: 'tag' }, { kind: 'accepted' }],
      })
      expect(ids(second as never)).not.toContain(song)
      const [next] = ids(second as never)
      await peer.ask({ type: 'feedback', subscription: 1, song: next, outcome: 'skipped' })
      const third = await peer.next('list')
      expect(third.items[0].because.map(({ kind }: { kind: string }) => kind)).toEqual(['tag', 'accepted', 'skipped'])
      expect(third.items[0].follows.item).toBe(song)
      await peer.ask({ type: 'unsubscribe', subscription: 1 })
      expect(await peer.ask(feedback)).toMatchObject({ type: 'error', code: 'not_subscribed' })
      await peer.close()
    },
  )

  test('changes with events that follow from its lists', async () => {
    const peer = await Peer.greeted(served.server.url)
    peer.send(subscribe(7, query))
    const first = await peer.next('list')
    const [one, two] = ids(first as never)
    const event = { type: 'event', user: 'listener', list: first.list }
    expect(await peer.ask({ ...event, id: 'a', item: one, kind: 'play' })).toMatchObject({ type: 'ack' })
    expect((await peer.next('list')).items[0].follows.item).toBe(one)
    await peer.ask({ ...event, id: 'b', item: two, kind: 'skip' })
    const last = await peer.next('list')
    expect(last.items[0].because.map(({ kind }: { kind: string }) => kind)).toEqual(['tag', 'accepted', 'skipped'])
    // What lowers what the user has of a song does not please, whatever it is called.
    const [third] = ids(last as never)
    await peer.ask({ ...event, id: 'd', item: third, kind: 'rating', weight: -1 })
    expect((await peer.next('list')).items[0].follows.item).toBe(one)
    // It says nothing of the mix.
    await peer.ask({ type: 'event', user: 'listener', id: 'c', item: 'i9' })
    expect(peer.waiting.filter(({ type }) => type === 'list')).toEqual([])
    await peer.close()
  })

  test('costs with each song that is skipped what its list costs', async () => {
    const limited = await serveSmallModel({ music: smallSongs, rate: 300 })
    const peer = await Peer.greeted(limited.server.url)
    await peer.ask(subscribe(1, { tags: ['calm'], length: 200 }))
    const feedback = (song: string) => peer.ask({ type: 'feedback', subscription: 1, song, outcome: 'skipped' })
    expect(await feedback('i1')).toMatchObject({ type: 'noted' })
    expect(await feedback('i2')).toMatchObject({ type: 'error', code: 'rate_limited' })
    await peer.close()
    await limited.close()
  })

  test('comes later where too many wait, with all that was told meanwhile', async () => {
    const asked: string[][] = []
    const lists: MixedList[] = []
    let failures = 2
    const watch = new MixSubscription(
      {
        query: { tags: [], playlist: [] },
        async make({ playlist }) {
          asked.push(playlist.map(({ song }) => song))
          if (failures-- > 0) throw new RecommendError('overloaded', 'many wait')
          return { list: 'a', space: 'b', items: [], left: [], minutes: 0 }
        },
        onList: list => lists.push(list),
        onError: error => expect.unreachable(String(error)),
      },
      20,
    )
    watch.feedback('one', 'accepted')
    await expect.poll(() => lists.length, { timeout: 10_000 }).toBe(1)
    expect(asked).toEqual([[], ['one'], ['one']])
    watch.close()
  })

  test('says what is wrong with it', async () => {
    const peer = await Peer.greeted(served.server.url)
    expect(await peer.ask(subscribe(1, { tags: ['clam'] }))).toMatchObject({ type: 'subscribed' })
    expect(await peer.next('error')).toMatchObject({ code: 'unknown_tag', subscription: 1 })
    expect(await peer.ask(subscribe(2, { tags: 7 }))).toMatchObject({ code: 'bad_message' })
    expect(await peer.ask(subscribe(3, { taste: {} }))).toMatchObject({ type: 'subscribed' })
    expect(await peer.next('error')).toMatchObject({ code: 'user_required', subscription: 3 })
    expect(await peer.ask({ type: 'feedback', subscription: 9, song: 'i1', outcome: 'accepted' })).toMatchObject({
      code: 'not_subscribed',
    })
    expect(await peer.ask({ type: 'feedback', subscription: 1, song: 'i1', outcome: 'loved' })).toMatchObject({
      code: 'bad_message',
    })
    await peer.close()
  })

  test('says that it has no such song, and goes on with another that was in no list of it', async () => {
    const peer = await Peer.greeted(served.server.url)
    await peer.ask(subscribe(1, query))
    const first = await peer.next('list')
    const feedback = (song: string) => peer.ask({ type: 'feedback', subscription: 1, song, outcome: 'accepted' })
    expect(await feedback('i77')).toMatchObject({
      type: 'error',
      code: 'unknown_item',
      message: expect.stringContaining('there is no song'),
    })
    const other = smallSongs.map(({ id }) => String(id)).find(id => !ids(first as never).includes(id))!
    expect(await feedback(other)).toMatchObject({ type: 'noted', song: other })
    expect((await peer.next('list')).items[0].follows.item).toBe(other)
    await peer.close()
    const client = new Client(served.server.url)
    const mix = client.mix({ tags: ['rock'], length: 3, artistShare: 1 })
    await mix.next()
    await expect(mix.skip('i77')).rejects.toMatchObject({ code: 'unknown_item' })
    await mix.return()
    client.close()
  })

  test('comes from the client until it is not iterated any more', async () => {
    const client = new Client(served.server.url)
    const mix = client.mix({ tags: ['rock'], length: 3, artistShare: 1 })
    const heard: (string | number)[] = []
    for await (const { items } of mix) {
      expect(items.map(({ item }) => item).filter(item => heard.includes(item))).toEqual([])
      if (heard.length === 4) break
      heard.push(items[0]!.item)
      if (heard.length % 2 === 0) await mix.skip(items[0]!.item)
      else await mix.accept(items[0]!.item)
    }
    expect(new Set(heard).size).toBe(4)
    client.close()
  })
})

test('who may not act for a user gets no mix of its taste, by no way', async () => {
  let key = ''
  const guarded = await serveSmallModel({
    music: smallSongs,
    prepare: state => {
      key = addKey(state, { users: ['3'] }).key
    },
    audio: folder => folder,
  })
  const { url } = guarded.server
  const mix = async (taste: object) => {
    const body = JSON.stringify({ taste, length: 2 })
    const response = await fetch(`${url}/v1/music_mix`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${key}` },
    })
    return response.status
  }
  expect(await mix({})).toBe(200)
  expect(await mix({ user: 3 })).toBe(200)
  expect(await mix({ user: '4' })).toBe(403)
  expect((await fetch(`${url}/music/audio/i0`)).status).toBe(401)
  const peer = await Peer.connect(url, 'aurochs.v1.json')
  await peer.ask({ type: 'hello', protocols: [1], key })
  const query = { kind: 'mix', tags: ['calm'], taste: { user: '4' } }
  expect(await peer.ask({ type: 'subscribe', subscription: 1, query })).toMatchObject({ code: 'forbidden' })
  expect(await peer.ask({ type: 'subscribe', subscription: 1, query: { ...query, taste: {} } })).toMatchObject({
    type: 'subscribed',
  })
  expect((await peer.next('list')).items[0].because[1]).toMatchObject({ kind: 'taste', name: '3' })
  await peer.close()
  await guarded.close()
})

test('a song space that takes the place of another is served, and subscribed mixes are made anew', async () => {
  const { server, folder, close } = await serveSmallModel({ music: smallSongs, rate: 0 })
  const peer = await Peer.greeted(server.url)
  peer.send({ type: 'subscribe', subscription: 1, query: { kind: 'mix', tags: ['rock'], length: 4, artistShare: 1 } })
  const first = await peer.next('list')
  const songs = async () => (await (await fetch(`${server.url}/v1/music_map`)).json()) as Results['music_map']
  const before = await songs()
  await writeSpace(join(folder, 'next'), smallSongs.slice(0, 30))
  renameSync(join(folder, 'songs'), join(folder, 'former'))
  renameSync(join(folder, 'next'), join(folder, 'songs'))
  let after = before
  while (after.space === before.space) {
    await setTimeout(50)
    after = await songs()
  }
  expect([before.songs, after.songs]).toEqual([40, 30])
  const second = await peer.next('list')
  expect([first.space, second.space]).toEqual([before.space, after.space])
  expect(ids(first as never)).toContain('i38')
  expect(ids(second as never)).not.toContain('i38')
  await peer.close()
  await close()
})

describe('a sound file', () => {
  const file = (song: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${served.server.url}/music/audio/${song}`, { method, headers })

  test('is sent whole', async () => {
    const response = await file('i0')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('audio/wav')
    expect(response.headers.get('content-length')).toBe(`${sound.length}`)
    expect(response.headers.get('accept-ranges')).toBe('bytes')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(Buffer.from(await response.arrayBuffer()).equals(sound)).toBe(true)
    const head = await file('i0', {}, 'HEAD')
    expect([head.status, head.headers.get('content-length')]).toEqual([200, `${sound.length}`])
    const same = await file('i0', { 'if-none-match': response.headers.get('etag')! })
    expect(same.status).toBe(304)
    const empty = await file('i1')
    expect([empty.status, await empty.text()]).toEqual([200, ''])
  })

  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-199', 100, 200],
    ['bytes=699990-', 699_990, 700_000],
    ['bytes=-5', 699_995, 700_000],
    ['bytes=0-9999999', 0, 700_000],
    ['bytes=1000-500000', 1000, 500_001],
  ])('is sent in part: %s', async (range, begin, end) => {
    const response = await file('i0', { range })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${begin}-${end - 1}/${sound.length}`)
    expect(Buffer.from(await response.arrayBuffer()).equals(sound.subarray(begin, end))).toBe(true)
  })

  test.each(['bytes=700000-', 'bytes=-0'])('has no part %s', async range => {
    const response = await file('i0', { range })
    expect([response.status, response.headers.get('content-range')]).toEqual([416, `bytes */${sound.length}`])
  })

  test.each(['bytes=5-2', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=-', 'bytes=a-b'])(
    'is sent whole where %s is no part',
    async range => {
      expect((await file('i0', { range })).status).toBe(200)
    },
  )

  test('that has changed is sent whole, though a part is wanted', async () => {
    const range = { range: 'bytes=0-9' }
    expect((await file('i0', { ...range, 'if-range': '"another"' })).status).toBe(200)
    const { headers } = await file('i0', range)
    expect((await file('i0', { ...range, 'if-range': headers.get('etag')! })).status).toBe(206)
  })

  test.each(['i2', 'i3', 'i4', 'i5', 'i7', 'none', '..%2Foutside.wav', '%2Fetc%2Fpasswd', 'i0%00'])(
    'is not sent for %s: what lies elsewhere, is no sound or is of no song',
    async song => {
      const response = await file(song)
      expect(response.status).toBe(404)
      expect(await response.text()).not.toContain('secret')
    },
  )

  test('is read only', async () => {
    for (const method of ['POST', 'DELETE']) {
      const response = await file('i0', {}, method)
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }
    const elsewhere = await fetch(`${served.server.url}/v1/music_mix`, { method: 'PUT' })
    expect([elsewhere.status, elsewhere.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST'])
  })

  test('is what lies below the root when it is open, whatever its path becomes meanwhile', async () => {
    const root = freshFolder()
    const [inside, outside] = [join(root, 'sounds', 'album'), join(root, 'private')]
    for (const folder of [inside, outside]) mkdirSync(folder, { recursive: true })
    writeFileSync(join(inside, 'a.wav'), 'sound')
    writeFileSync(join(outside, 'a.wav'), 'secret')
    symlinkSync(outside, join(root, 'link'))
    // In a thread of its own: at any moment of the opening.
    const swapping = new Worker(
      `const { renameSync } = require('node:fs')
      const [inside, album, link] = require('node:worker_threads').workerData
      for (;;) {
        renameSync(inside, album)
        renameSync(link, inside)
        renameSync(inside, link)
        renameSync(album, inside)
      }`,
      { eval: true, workerData: [inside, join(root, 'album'), join(root, 'link')] },
    )
    onTestFinished(() => void swapping.terminate())
    await once(swapping, 'online')
    let found = 0
    for (let round = 0; round < 1000 || found === 0; round++) {
      const file = await openAudio(join(root, 'sounds'), 'album/a.wav').catch(() => undefined)
      if (!file) continue
      expect(await file.handle.readFile('utf8')).toBe('sound')
      await file.handle.close()
      found++
    }
  })

  test('takes the memory of one piece, however long it is', async () => {
    const file = await openAudio(join(served.folder, 'sounds'), 'song 0.wav')
    const reply = {
      async stream(_status: number, _type: string, _headers: unknown, { length, read }: ByteSource) {
        const memory = new Set<ArrayBufferLike>()
        for (let sent = 0; sent < length; ) {
          const piece = await read(sent)
          expect(sound.subarray(sent, sent + piece.length).equals(piece)).toBe(true)
          memory.add(piece.buffer)
          sent += piece.length
        }
        expect([...memory].map(({ byteLength }) => byteLength)).toEqual([131_072])
      },
    }
    await sendAudio(reply as unknown as Reply, file, { range: '', ifRange: '', ifNoneMatch: '' })
    expect.assertions(7)
  })

  test('whose reader goes away leaves the server well', async () => {
    for (let round = 0; round < 20; round++) {
      await new Promise<void>(resolve => {
        const reading = request(`${served.server.url}/music/audio/i0`, response => {
          response.once('data', () => {
            reading.destroy()
            resolve()
          })
        })
        reading.on('error', () => resolve())
        reading.end()
      })
    }
    expect((await file('i0', { range: 'bytes=0-0' })).status).toBe(206)
  })

  describe('that a paused client does not read on', () => {
    const large = Buffer.alloc(64 * 2 ** 20)
    const serveLarge = (prepare?: (state: string) => void) =>
      serveSmallModel({
        music: smallSongs,
        ...(prepare && { prepare }),
        audio(folder) {
          const root = join(folder, 'sounds')
          mkdirSync(root)
          writeFileSync(join(root, 'song 0.wav'), large)
          return root
        },
      })
    /** Reads the first bytes, and no more until `rest` is called, which says whether all came. */
    const paused = (url: string, headers: Record<string, string> = {}) =>
      new Promise<{ rest: () => Promise<'whole' | 'cut'> }>((resolve, reject) => {
        const reading = request(`${url}/music/audio/i0`, { headers }, response => {
          const ended = new Promise<'whole' | 'cut'>(resolve => {
            reading.on('error', () => resolve('cut'))
            response.on('error', () => resolve('cut')).once('end', () => resolve('whole'))
          })
          response.once('data', () => {
            response.pause()
            resolve({
              rest: () => {
                response.on('data', () => {}).resume()
                return ended
              },
            })
          })
        })
        reading.on('error', reject)
        reading.end()
      })

    test('does not hold up the end of the server', async () => {
      const { server, close } = await serveLarge()
      const reading = await paused(server.url)
      const begun = performance.now()
      await close()
      expect(performance.now() - begun).toBeLessThan(5000)
      expect(await reading.rest()).toBe('cut')
    })

    test('ends when its key is revoked', async () => {
      let [id, key, state] = ['', '', '']
      const { server, close } = await serveLarge(at => {
        state = at
        ;({ id, key } = addKey(at))
      })
      const reading = await paused(server.url, { authorization: `Bearer ${key}` })
      revokeKey(state, id)
      const status = async () =>
        (await fetch(`${server.url}/v1/info`, { headers: { authorization: `Bearer ${key}` } })).status
      await expect.poll(status, { timeout: 10_000 }).toBe(401)
      await setTimeout(200)
      expect(await reading.rest()).toBe('cut')
      await close()
    })
  })
})
