import { expect, test } from 'vitest'
import { type ErrorCode, errorCodes, ServiceError, wireError } from '../../src/protocol/errors.ts'

const codes = Object.keys(errorCodes) as ErrorCode[]

test('an error says when to come back exactly where the table has a wait', () => {
  for (const code of codes) {
    const { retryAfter } = errorCodes[code]
    const error = wireError(new ServiceError(code, 'no'))
    if (retryAfter === null) expect(error).toEqual({ code, message: 'no' })
    else expect(error).toEqual({ code, message: 'no', retryAfter })
  }
})

test('where more is known, an error says so instead', () => {
  expect(wireError(new ServiceError('rate_limited', 'no', 42))).toEqual({
    code: 'rate_limited',
    message: 'no',
    retryAfter: 42,
  })
})

test('only faults and shortages of the server, and what came too fast, are worth a retry, and after a whole number of ms', () => {
  for (const code of codes) {
    const { status, retryAfter } = errorCodes[code]
    if (retryAfter === null) expect(status === 501 || status < 500, code).toBe(true)
    else expect(Number.isInteger(retryAfter) && retryAfter > 0 && (status >= 500 || status === 429), code).toBe(true)
  }
})

test('what is no refusal becomes an internal error, without its message', () => {
  for (const secret of [new Error('the password is 1234'), new TypeError('x'), 'text', undefined]) {
    expect(wireError(secret)).toEqual({
      code: 'internal',
      message: 'a fault of the server: its log says more',
      retryAfter: errorCodes.internal.retryAfter,
    })
  }
})
