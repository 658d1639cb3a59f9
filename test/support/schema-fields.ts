/** The fields that the published schema of connector definitions names, found without regard to how the table of the docs is made. */

type Node = Readonly<Record<string, unknown>>;

/** Dotted paths: `api.verify.path`, `auth[].inject[].in`, `inputs.properties.<name>.type`. */
export function fieldPaths(schema: unknown, path = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {}, items, additionalProperties, oneOf = [], anyOf = [] } = schema as Node;
  const own = Object.entries(properties as Node).flatMap(([name, inner]) => {
    const field = path === '' ? name : `${path}.${name}`;
    // Those of an authentication type have the rows of the connector's own.
    return /^auth\[\]\.(inputs|api)$/.test(field) ? [field] : [field, ...fieldPaths(inner, field)];
  });
  const values = fieldPaths(additionalProperties, `${path}.<name>`);
  const forms = [...(oneOf as Node[]), ...(anyOf as Node[])].flatMap((form) => fieldPaths(form, path));
  return [...own, ...fieldPaths(items, `${path}[]`), ...values, ...forms];
}
