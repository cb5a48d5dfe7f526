import type { AppError, FieldError } from '@stoa/service';
import type { ErrorObject } from 'ajv';
import { httpErrors } from './http-errors.ts';
import { pointer } from './text.ts';

/** As many as help; a body full of faults must not make a long answer. */
export const MAX_FIELDS = 20;

export interface Fault extends FieldError {
  /** It is about an unknown name: listed after the faults of the others. */
  readonly isUnknown?: true;
}

/** Faults as an answer lists them: each once, twenty at most, those of known fields first. */
export function validationFailed(faults: readonly Fault[]): AppError {
  const ordered = [...faults.filter(({ isUnknown }) => !isUnknown), ...faults.filter(({ isUnknown }) => isUnknown)];
  const distinct = new Map(ordered.map(({ path, message }) => [`${path} ${message}`, { path, message }]));
  return httpErrors.validation_failed({ fields: [...distinct.values()].slice(0, MAX_FIELDS) });
}

/** @param part what stands before the pointer: nothing for a body, `/query` for a query. @returns undefined for what others report too. */
export function toFault(part: string, { instancePath, keyword, params, message = 'is not valid' }: ErrorObject): Fault | undefined {
  const here = `${part}${instancePath}`;
  const below = (name: unknown) => `${here}/${pointer(String(name))}`;
  switch (keyword) {
    case 'if':
      return undefined;
    case 'required':
      return { path: below(params['missingProperty']), message: 'is required' };
    case 'additionalProperties':
      return { path: below(params['additionalProperty']), message: 'is not known here', isUnknown: true };
    case 'enum':
      return { path: here || '/', message: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
    default:
      return { path: here || '/', message };
  }
}
