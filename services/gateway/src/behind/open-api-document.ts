interface Tag {
  readonly name: string;
  readonly description?: string;
}

/** What of a description is looked at here; the rest goes along. */
export interface OpenApiDocument {
  readonly paths?: Record<string, Record<string, { readonly tags?: readonly string[] }>>;
  readonly tags?: Tag[];
  readonly components?: { schemas?: Record<string, unknown>; securitySchemes?: Record<string, unknown> };
}
