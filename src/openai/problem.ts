import { RelayError } from '../base/errors.ts'

/** What is wrong with a request: `code` is one of OpenAI's own. */
export interface ProblemOptions {
  /** The field, as OpenAI writes it: `messages[0].content`. */
  readonly param: string | null
  readonly code: ProblemCode | null
}

export type ProblemCode =
  | 'unsupported_parameter'
  | 'unsupported_value'
  | 'unknown_parameter'
  | 'invalid_value'
  | 'missing_required_parameter'

/** A request of an OpenAI caller that cannot be answered, and the field that is to blame. */
export class OpenAiProblem extends RelayError {
  readonly param: string | null
  readonly code: ProblemCode | null

  constructor(message: string, { param, code }: ProblemOptions) {
    super('bad_request', message)
    this.name = 'OpenAiProblem'
    this.param = param
    this.code = code
  }
}

/** A field that does not hold what it has to: nobody could answer that, so it is refused on lossy routes too. */
export function invalid(param: string, message: string): OpenAiProblem {
  return new OpenAiProblem(`${param}: ${message}`, { param, code: 'invalid_value' })
}

/** A field that has to be there, and is not. */
export function missing(param: string): OpenAiProblem {
  return new OpenAiProblem(`${param} is missing`, { param, code: 'missing_required_parameter' })
}

/** A field, or what it says, has no counterpart: on a lossy route it is dropped, elsewhere it is refused. */
export function lose(lossy: boolean, param: string, message: string): void {
  if (!lossy) throw new OpenAiProblem(`${param}: ${message}`, { param, code: 'unsupported_parameter' })
}
