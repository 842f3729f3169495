import { writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { loadPushConfig, pushConfigOf } from '../../src/push/live/config.ts'
import { openSenders } from '../../src/push/live/ledger/senders.ts'
import { writeSmallModel } from '../serve/small-model.ts'
import { freshFolder } from '../storage/folder.ts'

const environment = { HOOK: 'a secret of the webhook', SHORT: 'short', BLANK: '  ' }
const hook = { type: 'webhook', url: 'https://example.org/push', secret: { env: 'HOOK' } }
const configOf = (given: unknown, directory = '/etc') => pushConfigOf(given, { directory, environment })

test('the directory alone is context enough, or none', () => {
  const given = { senders: { log: { type: 'file', file: 'pushes.ndjson' } } }
  expect(pushConfigOf(given, '/etc').sending.senders).toMatchObject({ log: { file: '/etc/pushes.ndjson' } })
  expect(pushConfigOf(given).sending.senders).toMatchObject({ log: { file: resolve('pushes.ndjson') } })
})

test('secrets come from files and variables, paths are relative to the file, and times are in words', async () => {
  const folder = freshFolder()
  writeFileSync(join(folder, 'link.key'), 'a secret of the links\n')
  const file = join(folder, 'push.json')
  const given = {
    senders: { hook, log: { type: 'file', file: 'pushes.ndjson' } },
    links: { base: 'https://push.example.org/c', secrets: [{ file: 'link.key' }] },
    tick: '10s',
    interval: '14d',
    articles: { categories: ['news'] },
  }
  writeFileSync(file, JSON.stringify(given))
  const config = loadPushConfig(file, environment)
  expect(config).toMatchObject({
    tick: 10_000,
    interval: 14 * 86_400_000,
    articles: { within: 4 * 3_600_000, categories: ['news'] },
    events: { click: 'push_click' },
    sending: {
      senders: {
        hook: { type: 'webhook', secret: 'a secret of the webhook' },
        log: { type: 'file', file: join(folder, 'pushes.ndjson') },
      },
      links: { secrets: ['a secret of the links'] },
    },
  })
  const senders = openSenders(config.sending.senders)
  expect(Object.keys(senders)).toEqual(['hook', 'log'])
  for (const sender of Object.values(senders)) await sender.close?.()
})

test.each([
  [{}, 'senders must be'],
  [{ senders: {} }, 'senders must be an object with one sender at least'],
  [{ senders: { a: { ...hook, secret: 'plain' } } }, 'secrets do not stand in the configuration'],
  [
    { senders: { a: { ...hook, secret: { env: 'NONE' } } } },
    'senders.a: the variable NONE must hold a secret, and it is not set: export it',
  ],
  [{ senders: { a: { ...hook, secret: { file: 'none' } } } }, 'the secret in /etc/none cannot be read'],
  [{ senders: { a: { type: 'pigeon' } } }, 'senders.a'],
  [{ senders: { a: hook }, tick: 'soon' }, 'tick must be a time such as 30s, 15m, 4h or 7d, got soon'],
  [{ senders: { a: hook }, quiet: { from: '25:00', until: '08:00' } }, 'quiet: from must be a time of day'],
  [{ senders: { a: hook }, loop: { templates: ['{title'] } }, 'loop.templates.0 must be a template such as {title}'],
  [
    { senders: { a: hook }, loop: { life: '5h' } },
    'loop.life must be no longer than articles.within, 240 minutes, got 300',
  ],
  [{ senders: { a: hook }, loop: { selectAfter: '4h' } }, 'loop.selectAfter must be shorter than loop.life'],
  [{ senders: { a: hook }, loop: { holdOut: 2 } }, 'loop.holdOut'],
  [
    { senders: { a: hook }, loop: { timeZone: 'Asia/Soul' } },
    'loop.timeZone must be a time zone such as Asia/Seoul, got Asia/Soul',
  ],
  [
    { senders: { a: hook }, loop: { titles: { least: 90 } } },
    'loop.titles.least must be no more than loop.titles.most, 80, got 90',
  ],
  [{ senders: { a: hook }, replay: '1h' }, 'replay must be no shorter than loop.life, 240 minutes, got 60 minutes'],
  [{ senders: { a: hook }, replay: '12h' }, 'replay must be no shorter than settle, 1440 minutes, got 720 minutes'],
  [{ senders: { a: hook }, tick: '25d' }, 'tick must be a time of 24d at most, as 30s, got 600 hours'],
  [{ senders: { a: { ...hook, timeout: 2 ** 31 } } }, 'senders.a: timeout must be a whole number from 1 to 2147483647'],
  [{ senders: { a: { ...hook, first: 2 ** 31 } } }, 'senders.a: first must be a whole number from 1 to 2147483647'],
  [
    { senders: { a: { ...hook, longest: 2 ** 31 } } },
    'senders.a: longest must be a whole number from 1000 to 2147483647',
  ],
  [{ senders: { a: { ...hook, first: 10, longest: 9 } } }, 'senders.a: longest must be a whole number from 10 to'],
  [{ senders: { a: { type: 'file', file: 'x', first: 10, longest: 9 } } }, 'senders.a: longest must be a whole number'],
  [{ senders: { a: hook }, loop: { threads: 1000 } }, /^loop\.threads must be at most \d+, got 1000/],
  [
    { senders: { a: hook }, loop: { model: '/nonexistent' } },
    'loop.model must be the directory of a trained model, got /nonexistent, which is none: train it first',
  ],
  [
    { senders: { a: { ...hook, secret: { env: 'SHORT' } } } },
    'senders.a: secret must have at least 16 characters, got 5',
  ],
  [
    { senders: { a: { ...hook, secret: { env: 'BLANK' } } } },
    'senders.a: the variable BLANK must hold a secret, and it is empty',
  ],
  [
    { senders: { a: { ...hook, secret: { file: '/dev/null' } } } },
    'senders.a: /dev/null must hold a secret, and it is empty',
  ],
  [
    { senders: { a: hook }, links: { base: 'https://a.example/c', secrets: [{ env: 'HOOK' }, { env: 'SHORT' }] } },
    'links: secrets must have at least 16 characters each, got 5',
  ],
  [
    { senders: { a: hook }, links: { base: 'https://a.example/c', secrets: [{ env: 'NONE' }] } },
    'links: the variable NONE must hold a secret, and it is not set',
  ],
  [{ senders: { a: { type: 'fcm', account: { env: 'HOOK' } } } }, 'senders.a: account must be the JSON file'],
  [
    { senders: { a: { type: 'apns', key: { env: 'HOOK' }, keyId: 'k', teamId: 't', topic: 'x' } } },
    'senders.a: key must be a private key of P-256 in PEM',
  ],
  [{ senders: { a: hook }, colour: 1 }, 'there is no colour: expected one of senders'],
])('%j is refused in words', (given, message) => {
  expect(() => configOf(given)).toThrow(message)
})

test('what is wrong in itself is said with the name of the configuration', () => {
  const file = join(freshFolder(), 'push.json')
  writeFileSync(file, JSON.stringify({ senders: { a: { ...hook, secret: { env: 'SHORT' } } } }))
  expect(() => loadPushConfig(file, environment)).toThrow(
    new TypeError(`${file}: senders.a: secret must have at least 16 characters, got 5`),
  )
})

test('a file that is none is said with the remedy', () => {
  expect(() => loadPushConfig('/none.json')).toThrow('/none.json must be a JSON file with senders')
})

test('the loop has its defaults, takes times in words, and goes by the whole configuration', async () => {
  const folder = freshFolder()
  const model = await writeSmallModel(folder)
  const { loop } = configOf(
    {
      senders: { a: hook },
      interval: '14d',
      articles: { within: '6h' },
      loop: {
        selectAfter: '10m',
        inactive: '3d',
        rule: 'normal',
        model: basename(model),
        templates: ['{category}: {title|40}'],
      },
    },
    folder,
  )
  expect(loop).toMatchObject({
    loop: {
      selectAfter: 10,
      life: 360,
      inactiveDays: 3,
      daysBetween: 14,
      target: 2.4,
      holdOut: 0.01,
      rule: 'normal',
    },
    templates: [{ text: '{category}: {title|40}' }],
    titleRules: { least: 8, most: 80, repeats: 3 },
    model,
  })
})
