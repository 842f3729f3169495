import { expect, test } from 'vitest'
import { ClickLinks } from '../../src/push/send/click-link.ts'

const base = 'https://example.org/click?app=1'
const links = new ClickLinks({ base, secrets: ['first secret of links', 'older secret of links'] })
const send = '00000000-002a-8000-8000-0123456789ab'
const target = 'https://news.example.org/a?x=1&y=%EC%83%88#z'

test('a link leads back to its send and target, whole or as a server gets it', () => {
  const link = links.make({ send, target })
  expect(link.startsWith('https://example.org/click?app=1&send=')).toBe(true)
  expect(links.parse(link)).toEqual({ send, target })
  const { pathname, search } = new URL(link)
  expect(links.parse(pathname + search)).toEqual({ send, target })
})

test('a link that was changed anywhere leads nowhere', () => {
  const { pathname, search } = new URL(links.make({ send, target }))
  const link = pathname + search
  for (let at = link.indexOf('send='); at < link.length; at++) {
    const other = link[at] === 'A' ? 'B' : 'A'
    const changed = link.slice(0, at) + other + link.slice(at + 1)
    // The last character of base64url has bits that mean nothing.
    if (at === link.length - 1) continue
    expect(links.parse(changed), changed).toBeUndefined()
  }
  const elsewhere = new URL(links.make({ send, target }))
  elsewhere.searchParams.set('to', 'https://evil.example/')
  expect(links.parse(elsewhere.href)).toBeUndefined()
  for (const address of ['', '/click', '/click?send=&to=&tag=', 'https://', `${link}x`.replace('tag=', 'tag=%00')]) {
    expect(links.parse(address), address).toBeUndefined()
  }
})

test('a second target beside the signed one is not followed', () => {
  const link = links.make({ send, target })
  expect(links.parse(`${link}&to=https%3A%2F%2Fevil.example`)).toEqual({ send, target })
  expect(links.parse(link.replace('send=', 'to=https%3A%2F%2Fevil.example&send='))).toBeUndefined()
})

test('links of a former secret are known, those of another are not', () => {
  const former = new ClickLinks({ base, secrets: ['older secret of links'] })
  const foreign = new ClickLinks({ base, secrets: ['a secret of somebody else'] })
  expect(links.parse(former.make({ send, target }))).toEqual({ send, target })
  expect(links.parse(foreign.make({ send, target }))).toBeUndefined()
})

test('only web addresses are linked', () => {
  expect(() => links.make({ send, target: 'javascript:alert(1)' })).toThrow(
    'target must be an http or https address, got "javascript:alert(1)"',
  )
  expect(() => links.make({ send: '7', target })).toThrow('send must be the id of a send, got "7"')
  expect(() => new ClickLinks({ base: '/click', secrets: ['first secret of links'] })).toThrow('base must be')
  expect(() => new ClickLinks({ base, secrets: [] })).toThrow('secrets must have one at least')
})
