import { expect, test } from 'vitest'
import { formatRpcAddress, parseRpcAddress } from '../../src/protocol/rpc-address.ts'

test('an address names a Unix socket, or a host and a port, by default of this machine', () => {
  expect(parseRpcAddress('unix:/run/aurochs.sock')).toEqual({ path: '/run/aurochs.sock' })
  expect(parseRpcAddress('tcp:10.0.0.1:9000')).toEqual({ host: '10.0.0.1', port: 9000 })
  expect(parseRpcAddress('tcp:[::1]:9000')).toEqual({ host: '::1', port: 9000 })
  expect(parseRpcAddress('localhost:0')).toEqual({ host: 'localhost', port: 0 })
  expect(parseRpcAddress('tcp:9000')).toEqual({ host: '127.0.0.1', port: 9000 })
  expect(parseRpcAddress('9000')).toEqual({ host: '127.0.0.1', port: 9000 })
})

test('what is formatted is parsed as it was', () => {
  for (const address of [{ path: 'a.sock' }, { host: '127.0.0.1', port: 1 }, { host: '::1', port: 65_535 }]) {
    expect(parseRpcAddress(formatRpcAddress(address))).toEqual(address)
  }
})

test('what is no address is refused with what was expected', () => {
  for (const text of ['', 'tcp:', '/run/a.sock', '65536', ':9000', 'host:', 'a:b:1', 'http://127.0.0.1:1', '1.5']) {
    expect(() => parseRpcAddress(text), text).toThrow('unix:/run/aurochs.sock, tcp:127.0.0.1:9000 or 9000')
  }
  expect(() => parseRpcAddress('unix:')).toThrow('1 to 103 bytes, got 0')
  expect(() => parseRpcAddress(`unix:/${'x'.repeat(103)}`)).toThrow('1 to 103 bytes, got 104')
})
