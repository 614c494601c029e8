"""The GraphQL contract: types, inputs, fields, subscriptions, the endpoint and its limits."""
