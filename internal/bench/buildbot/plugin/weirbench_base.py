"""Stands in for buildbot-www, which Debian does not package: the API without pages."""
import os
from twisted.web import resource
class Base:
    description = "the API without pages"
    version = "1"
    ui = True
    static_dir = os.path.dirname(__file__)
    def __init__(self):
        self.resource = resource.Resource()
    def setMaster(self, master):
        self.master = master
    def setConfiguration(self, config):
        self.config = config
ep = Base()
