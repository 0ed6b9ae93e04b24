"""What everything stands on: settings, clients, migrations, embedded servers and deployment files."""
