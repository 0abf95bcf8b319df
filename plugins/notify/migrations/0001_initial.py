from tortoise import migrations
from tortoise.migrations import operations as ops
from plugins.notify.models import Kind, State
from tortoise.fields.base import OnDelete
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('core', '0001_initial')]

    initial = True

    operations = [
        ops.CreateModel(
            name='Delivery',
            fields=[
                ('tenant', fields.ForeignKeyField('core.Tenant', source_field='tenant_id', db_index=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('session', fields.ForeignKeyField('core.Session', source_field='session_id', db_index=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.RESTRICT)),
                ('invitation', fields.ForeignKeyField('core.Invitation', source_field='invitation_id', null=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.SET_NULL)),
                ('sent_by', fields.ForeignKeyField('core.User', source_field='sent_by_id', null=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.SET_NULL)),
                ('kind', fields.CharEnumField(description='INVITATION: invitation\nNOTE: note', enum_type=Kind, max_length=16)),
                ('channel', fields.CharField(max_length=16)),
                ('address', fields.CharField(max_length=254)),
                ('name', fields.CharField(max_length=120)),
                ('language', fields.CharField(max_length=16)),
                ('state', fields.CharEnumField(default=State.QUEUED, description='QUEUED: queued\nRETRYING: retrying\nSENT: sent\nFAILED: failed\nWITHDRAWN: withdrawn', enum_type=State, max_length=16)),
                ('reason', fields.CharField(default='', max_length=300)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ('changed_at', fields.DatetimeField(auto_now=True, auto_now_add=False)),
            ],
            options={'table': 'notify_delivery', 'app': 'notify', 'indexes': [Index(fields=['tenant', 'changed_at'])], 'pk_attr': 'id', 'table_description': 'One notice on its way to a customer, and how it went.'},
            bases=['TenantModel'],
        ),
        ops.CreateModel(
            name='Template',
            fields=[
                ('tenant', fields.ForeignKeyField('core.Tenant', source_field='tenant_id', db_index=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('kind', fields.CharEnumField(description='INVITATION: invitation\nNOTE: note', enum_type=Kind, max_length=16)),
                ('channel', fields.CharField(max_length=16)),
                ('language', fields.CharField(max_length=16)),
                ('subject', fields.CharField(default='', max_length=200)),
                ('body', fields.TextField(unique=False)),
            ],
            options={'table': 'notify_template', 'app': 'notify', 'unique_together': (('tenant', 'kind', 'channel', 'language'),), 'pk_attr': 'id', 'table_description': "A tenant's own words for one kind of notice by one channel in one language."},
            bases=['TenantModel'],
        ),
    ]
